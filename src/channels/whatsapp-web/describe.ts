import { toList, toNumber, toText } from '../../core/foreign.ts';

/** Note in place of a file that the server did not keep. */
export const missingFileNote = '[A file that can’t be read]';

/** Describes a place: its name, its address, and a map. */
export function describeLocation(latitude: unknown, longitude: unknown, words: readonly unknown[]): string {
  const [north, east] = [toNumber(latitude), toNumber(longitude)];
  const map = north === undefined || east === undefined ? undefined : `https://www.google.com/maps?q=${north},${east}`;
  return [...words.map(toText), map].filter(Boolean).join('\n') || '[A location]';
}

/** Describes contact cards: the name and the numbers of each. */
export function describeCards(value: unknown): string | undefined {
  const cards = toList(value).flatMap((card) => toText(card) ?? []);
  return cards.map(describeCard).filter(Boolean).join('\n') || undefined;
}

const maxCardChars = 20_000;

function describeCard(card: string): string {
  const lines = card.slice(0, maxCardChars).split(/\r?\n/);
  const readValue = (line: string) => line.slice(line.indexOf(':') + 1).trim();
  const name = lines.find((line) => /^FN[:;]/i.test(line));
  const numbers = lines.filter((line) => /^(item\d{1,3}\.)?TEL[:;]/i.test(line)).map(readValue);
  return [name ? readValue(name) : '[A contact]', ...numbers].join(' ').trim();
}

/** Describes a reaction. */
export function describeReaction(emoji: unknown): string {
  const words = toText(emoji);
  return words ? `Reacted ${words}` : '[Removed a reaction]';
}
