import { findTlv, type Pdu, readOctet, readUserData, tags } from '../../core/smpp/pdu.ts';

/** A receipt as the carrier words it. */
export interface SmscReceipt {
  /** Ids by which it may name the message, the field's before the text's: some carriers write the two in different forms. */
  readonly ids: readonly string[];
  /** What it says for us; null for a state on the way, which decides nothing. */
  readonly state: 'delivered' | 'failed' | null;
  /** The carrier's word, such as `UNDELIV`. */
  readonly word: string;
  readonly errorCode: string | null;
}

/** Words by the value of `message_state` (SMPP 5.0, 4.7.15). */
const stateWords = [
  'SCHEDULED',
  'ENROUTE',
  'DELIVRD',
  'EXPIRED',
  'DELETED',
  'UNDELIV',
  'ACCEPTD',
  'UNKNOWN',
  'REJECTD',
  'SKIPPED',
];

/** Bits 2 to 5 of `esm_class`: the type of a message from the carrier. */
const typeMask = 0x3c;
const receiptType = 0x04;
const intermediateType = 0x20;

const maxTextChars = 1_000;

/**
 * Reads a receipt from `receipted_message_id` and `message_state`, else from its text, whose form is not standardised.
 *
 * @returns null for a message of a person
 */
export function readReceipt(pdu: Pdu): SmscReceipt | null {
  const type = readOctet(pdu, 'esmClass') & typeMask;
  const idField = findTlv(pdu.tlvs, tags.receiptedMessageId);
  // As octets: carriers set any data coding on a text that is always plain, and some append the text of the message in its own.
  const text = readUserData(pdu).toString('latin1').slice(0, maxTextChars);
  const isMarked = type === receiptType || type === intermediateType;
  // Some carriers do not mark them.
  if (!isMarked && idField === null && !(type === 0 && looksLikeReceipt(text))) return null;
  const stateField = findTlv(pdu.tlvs, tags.messageState);
  const word =
    (stateField?.length === 1 ? stateWords[stateField.readUInt8(0)] : undefined) ?? readKey(text, 'stat') ?? 'UNKNOWN';
  const ids = [idField && toText(idField), readKey(text, 'id')].filter((id) => id !== null && id !== '') as string[];
  const errorCode = readNetworkError(pdu) ?? readKey(text, 'err');
  return {
    ids: [...new Set(ids)],
    state: type === intermediateType ? null : toState(word),
    word: word.toUpperCase(),
    errorCode,
  };
}

/** Requires what a person would hardly write: an id, a state and one of the numbers. */
function looksLikeReceipt(text: string): boolean {
  return readKey(text, 'id') !== null && readKey(text, 'stat') !== null && /\b(?:sub|dlvrd|date|err):/i.test(text);
}

/** Reads one `key:value` of a receipt's text, in any order and case. */
function readKey(text: string, key: 'id' | 'stat' | 'err'): string | null {
  const found = new RegExp(`(?:^|[\\s,;])${key}:\\s?([^\\s,;:]{1,128})`, 'i').exec(text);
  return found?.[1] ?? null;
}

/** Drops the NUL at the end, which is there or not. */
function toText(octets: Buffer): string {
  return octets
    .toString('latin1')
    .replace(/\0[\s\S]*$/, '')
    .trim();
}

/** Reads `network_error_code`: the network's type and two octets. */
function readNetworkError({ tlvs }: Pdu): string | null {
  const value = findTlv(tlvs, tags.networkErrorCode);
  return value?.length === 3 ? String(value.readUInt16BE(1)) : null;
}

function toState(word: string): SmscReceipt['state'] {
  const upper = word.toUpperCase();
  if (/^DELIV(?:R?E?|ERE?)D$/.test(upper)) return 'delivered';
  if (/^(?:EXPIRED|DELETED|UNDELIV|SKIPPED)/.test(upper) || /REJ|FAIL|DND/.test(upper)) return 'failed';
  // On the way, or no knowledge: `ACCEPTD` is a person's receipt at some carriers and the carrier's own at others.
  return null;
}
