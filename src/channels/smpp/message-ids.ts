/** How receipts write the ids of the responses. */
export type IdForm = 'same' | 'hex_to_decimal' | 'decimal_to_hex';

export const idForms: readonly IdForm[] = ['same', 'hex_to_decimal', 'decimal_to_hex'];

/** Rule by which the id of a receipt leads to that of a response, learned from one pair of them. */
export interface IdRule {
  readonly form: IdForm;
  /** The two were equal, character by character. */
  readonly isExact: boolean;
  /** The ids of responses are filled with zeros to this length; 0: they are not. */
  readonly width: number;
  readonly isUpperCase: boolean;
  /** Where the receipt named it: in its field, or in its text. */
  readonly place: number;
}

/** Removes what is no difference: capitals, and zeros in front. */
export function normalizeId(id: string): string {
  return id.toLowerCase().replace(/^0+(?=.)/, '');
}

/** Longer numbers are no ids: the conversion takes quadratic time. */
const maxDigits = 40;

/**
 * Converts the id of a receipt as a form says. A response's hexadecimal id is decimal in its receipt, or the reverse.
 *
 * @returns the normalized id of the response; null when the id has no such form
 */
export function convertId(id: string, form: IdForm): string | null {
  if (form === 'same') return normalizeId(id);
  if (id.length > maxDigits) return null;
  if (form === 'hex_to_decimal') return /^\d+$/.test(id) ? BigInt(id).toString(16) : null;
  return /^[0-9a-f]+$/i.test(id) ? BigInt(`0x${id}`).toString() : null;
}

/** Learns the rule from a receipt's id and that of the response it belongs to. @returns null when no form leads from one to the other */
export function learnRule(receiptId: string, responseId: string, place: number, form: IdForm): IdRule | null {
  const base = normalizeId(responseId);
  if (convertId(receiptId, form) !== base) return null;
  return {
    form,
    isExact: receiptId === responseId,
    width: responseId.length > base.length ? responseId.length : 0,
    isUpperCase: /[A-F]/.test(responseId) && responseId === responseId.toUpperCase(),
    place,
  };
}

/** Adds what one more pair of ids shows to a rule of the same form: ids without a letter or a zero in front show neither, and equal ones prove little. */
export function mergeRules(known: IdRule, next: IdRule): IdRule {
  return {
    ...next,
    isExact: known.isExact && next.isExact,
    width: next.width || known.width,
    isUpperCase: known.isUpperCase || next.isUpperCase,
  };
}

/** Applies a rule to a receipt's id. @returns the id as the response had it; the receipt's own where the rule does not fit it */
export function applyRule(rule: IdRule, receiptId: string): string {
  if (rule.isExact) return receiptId;
  const base = convertId(receiptId, rule.form);
  if (base === null) return receiptId;
  const padded = base.padStart(rule.width, '0');
  return rule.isUpperCase ? padded.toUpperCase() : padded;
}
