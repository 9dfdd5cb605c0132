import { toId, toList, toObject, toText } from '../../core/foreign.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Kinds of content that are described by a note, in the order in which they are looked for: a venue has a location as well. */
const describers: Readonly<Record<string, (content: Fields) => string>> = {
  venue: (venue) => `[Place: ${join(', ', venue.title, venue.address)} ${toMapLink(toObject(venue.location))}]`,
  location: (location) => `[Location: ${toMapLink(location)}]`,
  contact: ({ first_name, last_name, phone_number }) =>
    `[Contact: ${join(', ', join(' ', first_name, last_name), toPhoneNumber(phone_number) ?? phone_number)}]`,
  poll: ({ question, options }) =>
    `[Poll: ${join(' ', question)} ${toList(options)
      .map((option) => toText(toObject(option).text))
      .filter(Boolean)
      .join(' / ')}]`.replace(/ \]$/, ']'),
  dice: ({ emoji, value }) => `[Dice: ${join(' ', emoji, value)}]`,
  game: ({ title }) => `[Game: ${join(' ', title)}]`,
  checklist: ({ title, tasks }) =>
    `[Checklist: ${[toText(title), ...toList(tasks).map((task) => toText(toObject(task).text))].filter(Boolean).join(', ')}]`,
  invoice: ({ title }) => `[Invoice: ${join(' ', title)}]`,
  story: () => '[A story]',
  paid_media: () => '[Paid media]',
  rich_message: ({ blocks }) => joinTexts(blocks) || '[A formatted message]',
};

/** Describes content that is neither a text nor a file. @returns undefined for a message without such content */
export function describeContent(message: Fields): string | undefined {
  for (const [kind, describe] of Object.entries(describers)) {
    const content = toObject(message[kind]);
    if (Object.keys(content).length > 0) return describe(content);
  }
  return undefined;
}

/** Describes a kind of file whose name or type does not say what it is. */
export function describeFile(kind: string, file: Fields): string | undefined {
  switch (kind) {
    case 'voice':
      return `[Voice message${toDuration(file.duration)}]`;
    case 'video_note':
      return `[Video message${toDuration(file.duration)}]`;
    case 'sticker':
      return `[Sticker${toText(file.emoji) ? ` ${toText(file.emoji)}` : ''}]`;
    case 'audio':
      return toText(file.title) ? `[Audio: ${join(', ', file.performer, file.title)}]` : undefined;
    default:
      return undefined;
  }
}

/** Normalizes the number of a shared contact, which often lacks its plus sign. @returns undefined where it is no international number */
export function toPhoneNumber(value: unknown): string | undefined {
  const digits = toId(value)?.replace(/[^\d]/g, '') ?? '';
  return /^[1-9]\d{6,14}$/.test(digits) ? `+${digits}` : undefined;
}

function toMapLink({ latitude, longitude }: Fields): string {
  return `https://maps.google.com/?q=${toText(latitude) ?? ''},${toText(longitude) ?? ''}`;
}

function toDuration(value: unknown): string {
  const seconds = Number(toText(value));
  if (!Number.isInteger(seconds) || seconds <= 0 || seconds > 86_400) return '';
  return `, ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

function join(separator: string, ...values: unknown[]): string {
  return values
    .map(toText)
    .filter((text) => text !== undefined)
    .join(separator);
}

const maxDepth = 8;

/** Joins the texts of nested blocks, in their order. */
function joinTexts(value: unknown, depth = 0): string {
  if (depth > maxDepth) return '';
  const parts = toList(value).map((block) => {
    if (typeof block === 'string') return toText(block) ?? '';
    const { text, blocks, items } = toObject(block);
    return [joinTexts(text, depth + 1), joinTexts(blocks, depth + 1), joinTexts(items, depth + 1)].filter(Boolean).join('\n');
  });
  return parts.filter(Boolean).join('\n');
}
