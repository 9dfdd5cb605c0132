/** Most characters between the two halves of a phrase with a gap. */
const maxGapChars = 40;
const gap = ' … ';
const spacedScripts = /^[\p{Script=Latin}\p{Script=Cyrillic}\p{Script=Greek}\p{N}]/u;

/**
 * Returns the words of a text in small letters with one blank between them and at both ends, without punctuation. Addresses are left out: a
 * local part such as `blocked` is no cause. Of a link its host stays, as a block list may be named by its link alone.
 */
export function toWords(text: string): string {
  const words = text
    .toLowerCase()
    .split(/[\s<>()[\]"]+/)
    .filter((word) => !word.includes('@'))
    .map((word) => (word.includes('://') ? toHostWords(word) : word))
    .join(' ');
  return ` ${words.replace(/[^\p{L}\p{N}.]+/gu, ' ').replaceAll('. ', ' ')} `;
}

/**
 * Returns whether a text has a phrase. A phrase begins at the beginning of a word and may end inside of one, so that `deliver` finds
 * `delivery`; ` … ` stands for up to 40 characters.
 *
 * @param words from `toWords`
 */
function hasPhrase(words: string, phrase: string): boolean {
  const [first = '', second] = phrase.split(gap);
  const start = spacedScripts.test(first) ? ` ${first}` : first;
  if (second === undefined) return words.includes(start);
  for (let at = words.indexOf(start); at >= 0; at = words.indexOf(start, at + 1)) {
    const end = at + start.length;
    if (words.slice(end, end + maxGapChars + second.length).includes(` ${second}`)) return true;
  }
  return false;
}

/** Parses a list of phrases, divided by commas and line ends. A phrase whose last word must be a whole one ends in a blank. */
export function parsePhrases(list: string): string[] {
  return list
    .split(/,|\n/)
    .map((phrase) => phrase.trimStart())
    .filter((phrase) => phrase !== '');
}

/** Returns whether a text has one of the phrases. */
export function hasAnyPhrase(words: string, phrases: readonly string[]): boolean {
  return phrases.some((phrase) => hasPhrase(words, phrase));
}

function toHostWords(link: string): string {
  const host = link.slice(link.indexOf('://') + 3).split(/[/?#:]/, 1)[0] ?? '';
  return host.replaceAll('.', ' ');
}
