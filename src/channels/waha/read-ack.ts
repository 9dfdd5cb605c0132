import { maxChars } from '../../core/bounds.ts';
import { toNumber, toText } from '../../core/foreign.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { isPerson, parseJid, readMessageKey } from '../whatsapp-web/jid.ts';

/** States by the number of the acknowledgement; 0 (`PENDING`) is no news: the message is still at the server. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  '-1': 'failed',
  // WhatsApp has it: a proof of the send, and no delivery.
  '1': 'accepted',
  '2': 'delivered',
  '3': 'read',
  '4': 'read',
};

const numbers: Readonly<Record<string, number>> = { ERROR: -1, PENDING: 0, SERVER: 1, DEVICE: 2, READ: 3, PLAYED: 4 };

/**
 * Reads the acknowledgement of a message. Its chat is left out: engines name the contact or the own number there, and by number or by hidden
 * id. Only the key of the message counts.
 *
 * @returns null for an unreadable one; none for those of a contact's messages, of groups, and without news
 */
export function readAck(payload: Readonly<Record<string, unknown>>): ChannelEvent[] | null {
  const externalId = readMessageKey(payload.id);
  const number = toNumber(payload.ack) ?? numbers[toText(payload.ackName)?.toUpperCase() ?? ''];
  if (!externalId || externalId.length > maxChars.externalId || number === undefined) return null;
  const [, chat] = /^true_([^_]+)_/.exec(toText(payload.id) ?? '') ?? [];
  const address = parseJid(chat);
  const state = Object.hasOwn(states, String(number)) ? states[String(number)] : undefined;
  if (toText(payload.fromMe) !== 'true' || !state || (address && !isPerson(address))) return [];
  const error = {
    code: 'not_sent',
    message: 'WhatsApp did not accept the message: the number may be restricted, or not allowed to open new chats.',
  };
  return [{ kind: 'receipt', receipt: { externalId, state, ...(state === 'failed' ? { error } : {}) } }];
}
