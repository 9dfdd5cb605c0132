/** Shortens what others wrote before we keep it, as {@link sanitize}: a far side's page of HTML is no use in a row. */
export function truncate(text: string, maxLength = 500): string {
  // The cut may go through the middle of a character.
  return sanitize(text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`);
}

/** Text of others' as part of a line of ours. */
export function toSingleLine(text: string, maxLength: number): string {
  return truncate(text.replace(/\s+/g, ' ').trim(), maxLength);
}

/**
 * Text that PostgreSQL can keep. It refuses NUL, and lone surrogates have no UTF-8, so one such character in a message would make
 * its webhook fail for ever.
 */
export function sanitize(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** Whether each text in a value, its keys too, is one that PostgreSQL can keep. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\u0000') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, part]) => isStorable(name) && isStorable(part));
}

/** What others said, field by field: each text as {@link sanitize}. */
export function sanitizeFields<Said extends object>(said: Said): Said {
  const entries = Object.entries(said).map(([name, value]) => [name, typeof value === 'string' ? sanitize(value) : value]);
  return Object.fromEntries(entries) as Said;
}
