import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { nestedObject, parseForeignJson, shortId, text, time, toObject, unknownField } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, ChannelWebhooks, ReceiptContent } from '../channel.ts';
import { isName, type TelnyxConfig } from './config.ts';
import { findError } from './errors.ts';
import { readInboundMessage } from './inbound.ts';
import { type MessageRecord, readMessageRecord } from './records.ts';
import { requireTelnyxSignature, signatureHeader } from './signature.ts';
import { findOptOutError, findState, getStatus, toFailure } from './states.ts';

/** Id of one of our messages, and the part of it, as `toStatusUrl` writes them. */
const webhookPath = /^webhook(?:\/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:-(\d{1,3})-(\d{1,3}))?)?$/i;

/** Our message and its part, as the address of a receipt names them, and the sender and the messaging profile of the connection. */
export interface WebhookTarget {
  readonly messageId?: string | undefined;
  readonly part?: ReceiptContent['part'];
  readonly sender?: string | undefined;
  readonly profileId?: string | undefined;
}

/** Webhooks of Telnyx: receipts, at an address that names our message or at the profile's, and inbound messages at the profile's. */
export const telnyxWebhooks: ChannelWebhooks<TelnyxConfig> = {
  paths: ['webhook'],
  signatureHeader,
  receive({ connection, clock }, request) {
    const found = webhookPath.exec(request.path);
    if (!found)
      throw new AppError('not_found', `This channel has no event called ${truncate(request.path, 40)}; it has webhook.`);
    if (request.method !== 'POST') throw new AppError('method_not_allowed', 'Telnyx posts its webhooks.');
    const { config, previousConfig } = connection;
    const keys = [config.publicKey, ...(previousConfig ? [previousConfig.publicKey] : [])];
    requireTelnyxSignature(keys, request, clock.now());
    const [, messageId, index, count] = found;
    const part = index === undefined ? undefined : { index: Number(index), count: Number(count) };
    const target = { messageId: messageId?.toLowerCase(), part, sender: config.from, profileId: config.messagingProfileId };
    return { events: readTelnyxWebhook(request.body, target) };
  },
};

const envelope = z.object({
  data: nestedObject(
    z.object({
      event_type: text,
      occurred_at: time,
      id: shortId(maxChars.externalId),
      payload: unknownField.transform(toObject),
    }),
  ),
});

/**
 * Reads a webhook: a receipt, a message of a contact with the opt-out or opt-in that it is, or no event for one of another kind.
 *
 * @throws AppError `payload_invalid`
 */
export function readTelnyxWebhook(body: Buffer, target: WebhookTarget): ChannelEvent[] {
  const { data } = envelope.parse(toObject(parseForeignJson(body)));
  if (data.event_type === undefined) {
    throw new AppError('payload_invalid', 'This is no webhook of Telnyx.', { details: ['data.event_type: is needed'] });
  }
  switch (data.event_type.trim().toLowerCase()) {
    case 'message.received':
      return readInboundMessage(data.payload, target.sender, data.occurred_at);
    case 'message.sent':
    case 'message.finalized':
      return readReceipt(data.payload, target, data.occurred_at);
    default:
      return [];
  }
}

/**
 * Reads a receipt. A status on the way, and the last word of a carrier that confirms no delivery, are no news, unless the address names our
 * message: then they prove the send.
 */
function readReceipt(payload: Record<string, unknown>, target: WebhookTarget, occurredAt: Date | undefined): ChannelEvent[] {
  const record = readMessageRecord(payload);
  const status = getStatus(record);
  const state = findState(status);
  const externalId = record.id;
  if (externalId === undefined && target.messageId === undefined) {
    throw new AppError('payload_invalid', 'This is no receipt of Telnyx.', { details: ['data.payload.id: is needed'] });
  }
  if (state === undefined || (state === 'accepted' && target.messageId === undefined)) return [];
  const base = { messageId: target.messageId, externalId, part: target.part, state };
  if (state !== 'failed') {
    return [{ kind: 'receipt', receipt: { ...base, occurredAt: record.completedAt ?? occurredAt } }];
  }
  const optOut = findOptOutError(record);
  const error = toFailure(status ?? state, optOut ?? record.errors[0]);
  const holds = record.errors.find(({ code }) => isAboutConnection(findError(code), record, target));
  const to = record.to[0]?.phoneNumber;
  return [
    { kind: 'receipt', receipt: { ...base, error, occurredAt: record.completedAt ?? occurredAt } },
    ...(optOut && to !== undefined ? [toOptOut(to, record.completedAt ?? occurredAt)] : []),
    ...(holds ? [{ kind: 'connection' as const, status: 'down' as const, ...toFailure(status ?? state, holds) }] : []),
  ];
}

/** Returns whether a failure is the connection's: a sender that a message has named holds no message of another one. */
function isAboutConnection(
  error: ReturnType<typeof findError>,
  record: MessageRecord,
  { sender, profileId }: WebhookTarget,
): boolean {
  if (!error?.holds) return false;
  if (error.class === 'account') return true;
  // Where the profile chooses the number, or a name is sent with it, the profile is what all messages have in common.
  if (sender !== undefined && !isName(sender)) return record.from === sender;
  return profileId !== undefined && record.profileId?.toLowerCase() === profileId.toLowerCase();
}

function toOptOut(address: string, occurredAt: Date | undefined): ChannelEvent {
  return {
    kind: 'opt_out',
    optOut: { address, optedOut: true, category: 'all', reason: 'opted out at Telnyx', occurredAt },
  };
}
