/** Truncates text from outside before it is stored, and sanitizes it as {@link sanitize}: a vendor's page of HTML is no use in a row. */
export function truncate(text: string, maxLength = 500): string {
  // The cut may split a character.
  return sanitize(text.length <= maxLength ? text : `${text.slice(0, maxLength)}…`);
}

/** Converts text from outside to a part of one line. */
export function toSingleLine(text: string, maxLength: number): string {
  return truncate(text.replace(/\s+/g, ' ').trim(), maxLength);
}

/**
 * Removes the characters that PostgreSQL cannot store: it refuses NUL, and lone surrogates have no UTF-8. One such character in a message
 * would make its webhook fail on every retry.
 */
export function sanitize(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** Returns whether PostgreSQL can store each text in a value, its keys included. */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !value.includes('\u0000') && value.isWellFormed();
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([name, part]) => isStorable(name) && isStorable(part));
}

/** Sanitizes each text field of an object as {@link sanitize} does. */
export function sanitizeFields<Fields extends object>(fields: Fields): Fields {
  const entries = Object.entries(fields).map(([name, value]) => [name, typeof value === 'string' ? sanitize(value) : value]);
  return Object.fromEntries(entries) as Fields;
}
