/** What decides who somebody is; HighLevel writes it before everything that a user can choose (platform.md 7.3). */
const identityFields = new Set(['userId', 'companyId', 'role', 'type', 'activeLocation']);

/** Holds no block of a cipher that was lost to tampering: such a block reads as letters of all kinds. */
const idText = /^[A-Za-z0-9_-]*$/;
const keyText = /^[A-Za-z0-9_]+$/;
const freeTextFields = new Set(['userName', 'email', 'whitelabelDetails']);

/**
 * Reads the text of a user context, and takes it only exactly as `JSON.stringify` writes it, with what decides in front of free texts.
 *
 * The cipher has no seal: who knows a context's text can choose any 16 bytes of it, at the price of losing the 16 before (CBC). The loss
 * goes unnoticed only in a free text, so the chosen bytes can close that text and add, or complete, a field that decides. A field given
 * twice is not what its reading writes; one that comes after a free text is not where HighLevel writes it; a lost block that swallows a
 * field (without `activeLocation` a location's context would be its agency's) shows in the name of the next.
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
