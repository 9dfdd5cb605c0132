import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { shortId, text } from '../../core/foreign.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { findError } from './errors.ts';
import { stripChannel } from './inbound.ts';
import { findState, toFailure } from './states.ts';

const id = shortId(maxChars.externalId);
const word = text.transform((value) => value?.trim().toLowerCase());

const statusCallback = z.object({
  MessageSid: id,
  SmsSid: id,
  MessageStatus: word,
  SmsStatus: word,
  From: shortId(maxChars.address),
  To: shortId(maxChars.address),
  ErrorCode: id,
  ErrorMessage: text,
  ChannelStatusMessage: text,
});

/** Our message and its part, as the address of a status callback names them, and the sender of the connection, if it has one. */
export interface CallbackTarget {
  readonly messageId?: string | undefined;
  readonly part?: ReceiptContent['part'];
  readonly sender?: string | undefined;
}

/**
 * Reads a status callback: a receipt; an opt-out where the contact has blocked the sender; and, for the few codes that mean that Twilio no
 * longer sends for the account or for the connection's only sender, the state of the connection. A status on the way is no news, unless the address names our message: then it
 * proves the send.
 *
 * @throws AppError `payload_invalid`: no message or no status
 */
export function readStatusCallback(fields: Record<string, unknown>, target: CallbackTarget): ChannelEvent[] {
  const callback = statusCallback.parse(fields);
  const externalId = callback.MessageSid ?? callback.SmsSid;
  const status = callback.MessageStatus ?? callback.SmsStatus;
  if (status === undefined || (externalId === undefined && target.messageId === undefined)) {
    throw new AppError('payload_invalid', 'This is no status callback of Twilio.', {
      details: [status === undefined ? 'MessageStatus: is needed' : 'MessageSid: is needed'],
    });
  }
  const state = findState(status);
  if (state === undefined || (state === 'accepted' && target.messageId === undefined)) return [];
  const receipt: ReceiptContent = { messageId: target.messageId, externalId, part: target.part, state };
  if (state !== 'failed') return [{ kind: 'receipt', receipt }];
  const code = callback.ErrorCode === '0' ? undefined : callback.ErrorCode;
  const error = toFailure(status, code, callback.ErrorMessage ?? callback.ChannelStatusMessage);
  const known = findError(code);
  return [
    { kind: 'receipt', receipt: { ...receipt, error } },
    ...(known?.class === 'opted_out' && callback.To !== undefined ? [toOptOut(callback.To, error.code)] : []),
    ...(isAboutConnection(known, callback.From, target.sender)
      ? [{ kind: 'connection' as const, status: 'down' as const, ...error }]
      : []),
  ];
}

/** Returns whether a failure is the connection's: one sender of several, or one that a message has named, holds no other message. */
function isAboutConnection(error: ReturnType<typeof findError>, from: string | undefined, sender: string | undefined): boolean {
  if (!error?.holds) return false;
  return error.class === 'account' || (sender !== undefined && sender === from);
}

function toOptOut(to: string, code: string): ChannelEvent {
  const reason = code === '21610' ? 'opted out at Twilio' : 'blocked';
  return { kind: 'opt_out', optOut: { address: stripChannel(to), optedOut: true, category: 'all', reason } };
}
