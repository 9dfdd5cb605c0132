/** A header may have 16 KB; no file has such a name. */
const maxNameChars = 200;

/** Reads the name of the file in a response: its letters, digits, dots and dashes, without the extension, which follows from the type. */
export function parseFileName(disposition: string | undefined): string | null {
  const [, encoded] = /filename\*=(?:UTF-8|utf-8)''([^;]+)/.exec(disposition ?? '') ?? [];
  const [, quoted, bare] = /filename=(?:"([^"]*)"|([^;]+))/.exec(disposition ?? '') ?? [];
  const given = (encoded && decode(encoded)) || quoted || bare || '';
  const letters = given
    .slice(0, maxNameChars)
    .replace(/\.[A-Za-z0-9]{1,5}$/, '')
    .replace(/[^A-Za-z0-9._-]+/g, '_');
  const name = letters.slice(...findInnerRange(letters)).slice(0, 60);
  return /[A-Za-z0-9]/.test(name) ? name : null;
}

/**
 * Returns the start and end of a name without the dots and underscores around it. A regular expression was rejected: it takes quadratic
 * time.
 */
function findInnerRange(name: string): [number, number] {
  const isEdge = (letter: string | undefined) => letter === '.' || letter === '_';
  let [start, end] = [0, name.length];
  while (start < end && isEdge(name[start])) start += 1;
  while (end > start && isEdge(name[end - 1])) end -= 1;
  return [start, end];
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // Malformed: then it has no name.
    return null;
  }
}
