/** Fields that decide the identity of a user; HighLevel writes them before any text that a user can choose (platform.md 7.3). */
const identityFields = new Set(['userId', 'companyId', 'role', 'type', 'activeLocation']);

/** Text without a block of the cipher that was lost to tampering: such a block reads as letters of all kinds. */
const idText = /^[A-Za-z0-9_-]*$/;
const keyText = /^[A-Za-z0-9_]+$/;
const freeTextFields = new Set(['userName', 'email', 'whitelabelDetails']);

/**
 * Parses the text of a user context. Accepts it only exactly as `JSON.stringify` writes it, with the deciding fields before free texts.
 *
 * The cipher has no authentication: an attacker who knows a context's text can choose any 16 bytes of it, at the price of losing the 16
 * before (CBC). The loss goes unnoticed only in a free text, so the chosen bytes can close that text and add, or complete, a deciding
 * field. A duplicate field does not survive the comparison with `JSON.stringify`; a deciding field after a free text is not where HighLevel
 * writes it; a lost block that swallows a field (without `activeLocation` a location's context would be its agency's) shows in the name of
 * the next field.
 *
 * @returns undefined for any other text
 */
export function parseContextText(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || JSON.stringify(value) !== text) return undefined;
  const entries = Object.entries(value);
  if (!entries.every(([name]) => keyText.test(name))) return undefined;
  const firstFree = entries.findIndex(([name, field]) => !identityFields.has(name) && isFreeText(name, field));
  const afterFreeText = firstFree < 0 ? [] : entries.slice(firstFree);
  return afterFreeText.some(([name]) => identityFields.has(name)) ? undefined : value;
}

function isFreeText(name: string, value: unknown): boolean {
  if (freeTextFields.has(name)) return true;
  return typeof value === 'string' ? !idText.test(value) : typeof value === 'object' && value !== null;
}
