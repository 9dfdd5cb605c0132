/** Longest text and longest caption, in characters; counted in UTF-16 units, of which a character has at least one. */
export const maxTextChars = 4_096;
export const maxCaptionChars = 1_024;

/** One message in the chat: a text, or an attachment by its position. */
export type PlannedPart =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'attachment'; readonly index: number; readonly caption: string | undefined };

/**
 * Plans the parts of a message. A short text is the caption of the first attachment; a longer one comes first, in as many parts as it needs.
 * The plan depends on the message alone, so that a later attempt continues at the right part.
 */
export function planParts(text: string, attachmentCount: number): PlannedPart[] {
  const isCaption = attachmentCount > 0 && text.length <= maxCaptionChars;
  const texts = text === '' || isCaption ? [] : splitText(text, maxTextChars);
  return [
    ...texts.map((part): PlannedPart => ({ kind: 'text', text: part })),
    ...Array.from({ length: attachmentCount }, (_, index): PlannedPart => {
      return { kind: 'attachment', index, caption: isCaption && index === 0 && text !== '' ? text : undefined };
    }),
  ];
}

/** Splits a text at the end of a paragraph, a line or a word, in the second half of a part; else at the limit, never inside a character. */
export function splitText(text: string, maxChars: number): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > maxChars) {
    const end = findEnd(rest, maxChars);
    parts.push(rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  return [...parts, rest].filter((part) => part !== '');
}

function findEnd(text: string, maxChars: number): number {
  const window = text.slice(0, maxChars + 1);
  for (const separator of ['\n\n', '\n', ' ']) {
    const at = window.lastIndexOf(separator);
    if (at > maxChars / 2) return Math.min(at + separator.length, maxChars);
  }
  const isInsideCharacter = /[\ud800-\udbff]/.test(text[maxChars - 1] ?? '');
  return isInsideCharacter ? maxChars - 1 : maxChars;
}
