import { toList, toNumber, toObject, toText } from '../../core/foreign.ts';
import { toSingleLine } from '../../core/sanitize.ts';

/** Meta's error: the same in responses, statuses and messages. */
export interface GraphError {
  readonly code: number;
  readonly subcode: number | undefined;
  /** Meta's words. */
  readonly text: string;
  readonly isTransient: boolean;
}

const maxTextChars = 300;

/**
 * Parses an error object.
 *
 * @param redact removes secrets from Meta's words, before they are cut: half of a secret would not be found
 * @returns null without a code: HTTP statuses and texts alone are not to be relied on
 */
export function parseGraphError(value: unknown, redact = (words: string) => words): GraphError | null {
  const { code: givenCode, error_subcode, title, message, error_data, error_user_msg, is_transient } = toObject(value);
  const code = toNumber(givenCode);
  if (code === undefined || !Number.isInteger(code)) return null;
  const heading = toText(title) ?? toText(message);
  const details = toText(toObject(error_data).details) ?? toText(error_user_msg);
  // Meta repeats the heading in the details of some codes.
  const parts = heading && details?.includes(heading) ? [details] : [heading, details];
  return {
    code,
    subcode: toNumber(error_subcode),
    text: toSingleLine(redact(parts.filter(Boolean).join(': ')), maxTextChars),
    isTransient: toText(is_transient) === 'true',
  };
}

/** Reads a list of Meta's errors. */
export function readErrors(value: unknown): GraphError[] {
  return toList(value)
    .map((error) => parseGraphError(error))
    .filter((error) => error !== null);
}
