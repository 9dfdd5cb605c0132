import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import { readJsonBody } from '../core/json-body.ts';
import { storable, trimmed } from '../core/text.ts';
import type { CallbackContent, OutboundMessage } from './channel.ts';

const text = z.string().transform(storable);
const address = text.pipe(z.string().trim().min(1).max(320));
/** So long that a mail's own id fits, so short that it fits into an index. */
export const longestId = 500;
const id = text.pipe(z.string().min(1).max(longestId));
/** Another message's id; a mail's own may be long. */
const messageId = text.pipe(z.string().trim().min(1).max(1_000));
const at = z.iso.datetime({ offset: true }).transform((value) => new Date(value));
const url = text.pipe(z.url({ protocol: /^https?$/ }));

const receipt = z
  .object({
    id: z.uuid().optional(),
    externalId: id.optional(),
    status: z.enum(['delivered', 'read', 'failed']),
    recipient: address.optional(),
    error: z.object({ code: z.coerce.string(), message: text }).partial().optional(),
    at: at.optional(),
  })
  .refine((body) => body.id !== undefined || body.externalId !== undefined, {
    error: 'id or externalId is needed to find the message',
  });

const inbound = z
  .object({
    externalId: id,
    from: address,
    to: address.optional(),
    name: text.optional(),
    text: text.optional(),
    html: text.optional(),
    subject: text.optional(),
    attachments: z.array(url).max(20).default([]),
    replyToExternalId: messageId.optional(),
    inReplyTo: messageId.optional(),
    at: at.optional(),
    direction: z.enum(['inbound', 'outbound']).default('inbound'),
  })
  .refine((body) => body.text || body.html || body.attachments.length > 0, {
    error: 'text, html or attachments is needed: an empty message says nothing',
  });

const wrongShape = 'The body does not have the shape of the gateway protocol.';

/** The body of the gateway protocol's send request (`docs/gateway-protocol.md`). */
export function sendBody(message: OutboundMessage): Record<string, unknown> {
  return {
    type: 'message',
    id: message.id,
    locationId: message.locationId,
    contactId: message.contactId,
    conversationId: message.conversationId,
    channel: message.medium,
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
 * Reads what a gateway tells us.
 *
 * @throws AppError `not_found`: no such event; `payload_invalid`: not the protocol's shape, with every problem listed
 */
export function readGatewayCallback(event: string, body: Buffer): CallbackContent {
  switch (event) {
    case 'status': {
      const said = readJsonBody(receipt, body, wrongShape);
      const error = said.status === 'failed' ? failureOf(said.error) : undefined;
      return {
        kind: 'receipt',
        receipt: {
          messageId: said.id,
          externalId: said.externalId,
          state: said.status,
          recipient: said.recipient,
          error,
          occurredAt: said.at,
        },
      };
    }
    case 'inbound': {
      const { at: occurredAt, direction, inReplyTo, ...said } = readJsonBody(inbound, body, wrongShape);
      const replyToExternalId = said.replyToExternalId ?? inReplyTo;
      return {
        kind: 'inbound',
        inbound: { ...said, replyToExternalId, occurredAt, sentElsewhere: direction === 'outbound' },
      };
    }
    default:
      throw new AppError('not_found', `This channel has no event called ${trimmed(event, 40)}; it has status and inbound.`);
  }
}

function failureOf(error: { code?: string | undefined; message?: string | undefined } | undefined) {
  return {
    code: trimmed(error?.code || 'failed', 200),
    message: trimmed(error?.message || 'The far side reported that the message was not delivered.'),
  };
}
