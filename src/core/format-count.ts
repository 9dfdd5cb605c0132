const plurals = new Intl.PluralRules('en');

/**
 * Formats a number with its noun in English: `1 message`, `2 messages`. For texts that are stored or logged; texts of the pages have the plural
 * forms of their language (`views/languages/`).
 */
export function formatCount(count: number, singular: string, plural = `${singular}s`): string {
  return `${count} ${plurals.select(count) === 'one' ? singular : plural}`;
}
