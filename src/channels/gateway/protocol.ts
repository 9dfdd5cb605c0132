import * as z from 'zod';
import { parseDisplayName, stripDisplayName } from '../../core/address.ts';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import {
  optionalId,
  readAttachments,
  readableText,
  requiredText,
  text,
  time,
  toObject,
  toText,
  unknownField,
} from '../../core/foreign.ts';
import { formatCount } from '../../core/format-count.ts';
import { readJsonBody } from '../../core/json-body.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, OutboundMessage } from '../channel.ts';
import { callStatuses } from '../messages.ts';

/** Id of another message; a mail's Message-ID may be long. */
const optionalMessageId = optionalId(1_000);
/** An address with the name of its owner before it. */
const maxNamedAddressChars = 400;
/** HighLevel accepts no more with one message. */
const maxAttachments = 20;

const keyword = <const Words extends readonly [string, ...string[]]>(values: Words) =>
  unknownField.transform((value) => toText(value)?.trim().toLowerCase()).pipe(z.enum(values));

const receiptSchema = z
  .object({
    id: unknownField.transform((value) => toText(value)?.trim()).pipe(z.uuid().optional()),
    externalId: optionalId(maxChars.externalId),
    status: keyword(['delivered', 'read', 'failed']),
    recipient: optionalId(maxChars.address),
    error: unknownField.transform(parseError),
    at: time,
  })
  .refine((body) => body.id !== undefined || body.externalId !== undefined, {
    error: 'id or externalId is needed to find the message',
  });

const inboundSchema = z
  .object({
    externalId: requiredText(maxChars.externalId),
    from: requiredText(maxNamedAddressChars),
    to: optionalId(maxNamedAddressChars),
    name: text,
    text: readableText,
    html: readableText,
    subject: readableText,
    attachments: unknownField.transform(readAttachments),
    replyToExternalId: optionalMessageId,
    inReplyTo: optionalMessageId,
    at: time,
    direction: unknownField
      .transform((value) => toText(value)?.trim().toLowerCase() ?? 'inbound')
      .pipe(z.enum(['inbound', 'outbound'])),
  })
  .refine((body) => body.text || body.html || body.attachments.urls.length > 0, {
    error: 'text, html, or attachments with web addresses are needed: the message is empty',
  })
  .refine((body) => body.direction === 'inbound' || body.to !== undefined, {
    path: ['to'],
    error: 'is needed for a message that was sent externally: it names the contact',
  })
  .refine(({ from, to }) => [from, to ?? ''].every((address) => stripDisplayName(address).length <= maxChars.address), {
    error: `from and to must have at most ${maxChars.address} characters`,
  });

/** Parses the error of a failure; some gateways send one word. */
export function parseError(value: unknown): { code: string | undefined; message: string | undefined } {
  const { code, message } = toObject(value);
  return { code: toText(code), message: toText(message) ?? toText(value) };
}

const recordings = unknownField.transform(readAttachments);

const callSchema = z.object({
  externalId: requiredText(maxChars.externalId),
  direction: keyword(['inbound', 'outbound']),
  from: requiredText(maxChars.address),
  to: requiredText(maxChars.address),
  status: keyword(callStatuses),
  name: text,
  at: time,
  recordings,
});

const recordingsSchema = z
  .object({ externalId: requiredText(maxChars.externalId), recordings })
  .refine((body) => body.recordings.urls.length > 0, { path: ['recordings'], error: 'needs a web address' });

const schemaMismatch = 'The body does not have the shape of the gateway protocol.';

/** Builds the body of the gateway protocol's send request (`docs/gateway-protocol.md`). */
export function toSendBody(message: OutboundMessage): Record<string, unknown> {
  return {
    type: 'message',
    id: message.id,
    locationId: message.locationId,
    contactId: message.contactId,
    conversationId: message.conversationId,
    channel: message.messageType,
    to: message.to,
    from: message.from,
    text: message.text,
    html: message.html,
    subject: message.subject,
    attachments: message.attachments,
    replyToExternalId: message.replyToExternalId,
  };
}

/**
 * Reads a webhook of a gateway.
 *
 * @throws AppError `not_found`: no such event; `payload_invalid`: not the protocol's shape, with every problem listed
 */
export function readGatewayWebhook(event: string, body: Buffer): ChannelEvent {
  switch (event) {
    case 'status': {
      const payload = readJsonBody(receiptSchema, body, schemaMismatch);
      const error = payload.status === 'failed' ? toReceiptError(payload.error) : undefined;
      return {
        kind: 'receipt',
        receipt: {
          messageId: payload.id,
          externalId: payload.externalId,
          state: payload.status,
          recipient: payload.recipient,
          error,
          occurredAt: payload.at,
        },
      };
    }
    case 'inbound': {
      const payload = readJsonBody(inboundSchema, body, schemaMismatch);
      const { at: occurredAt, direction, inReplyTo, attachments, ...rest } = payload;
      const urls = attachments.urls.slice(0, maxAttachments);
      const skippedCount = attachments.unreadCount + attachments.urls.length - urls.length;
      return {
        kind: 'inbound',
        inbound: {
          ...rest,
          name: payload.name ?? parseDisplayName(payload.from),
          from: stripDisplayName(payload.from),
          to: payload.to && stripDisplayName(payload.to),
          ...appendSkippedNote(payload, skippedCount),
          attachments: urls.map((url) => ({ url })),
          replyToExternalId: payload.replyToExternalId ?? inReplyTo,
          occurredAt,
          sentExternally: direction === 'outbound',
        },
      };
    }
    case 'call': {
      const { recordings: files, at: occurredAt, ...call } = readJsonBody(callSchema, body, schemaMismatch);
      return { kind: 'call', call: { ...call, occurredAt, recordings: files.urls } };
    }
    case 'recordings': {
      const { externalId, recordings: files } = readJsonBody(recordingsSchema, body, schemaMismatch);
      return { kind: 'recordings', externalId, urls: files.urls };
    }
    default:
      throw new AppError(
        'not_found',
        `This channel has no event called ${truncate(event, 40)}; it has status, inbound, call and recordings.`,
      );
  }
}

/** Appends to a message the number of its skipped attachments, so that its reader knows. */
function appendSkippedNote({ text, html }: { text?: string | undefined; html?: string | undefined }, skippedCount: number) {
  if (skippedCount === 0) return { text, html };
  const note =
    skippedCount === 1
      ? '[An attachment was left out: it has no web address, or there were too many.]'
      : `[${formatCount(skippedCount, 'attachment')} were left out: they have no web address, or there were too many.]`;
  return { text: [text, note].filter(Boolean).join('\n'), html: html && `${html}\n<p>${note}</p>` };
}

function toReceiptError(error: { code?: string | undefined; message?: string | undefined } | undefined) {
  return {
    code: truncate(error?.code || 'failed', 200),
    message: truncate(error?.message || 'The gateway reported that the message was not delivered.'),
  };
}
