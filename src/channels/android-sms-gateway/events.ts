import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import {
  parseForeignJson,
  requiredText,
  shortId,
  text,
  time,
  toList,
  toObject,
  toText,
  unknownField,
} from '../../core/foreign.ts';
import { formatCount } from '../../core/format-count.ts';
import type { ChannelEvent, InboundAttachment } from '../channel.ts';
import { toFailure } from './states.ts';

const envelope = z.object({
  id: requiredText(maxChars.externalId),
  event: requiredText(100).transform((value) => value.toLowerCase()),
  deviceId: shortId(maxChars.externalId),
  payload: unknownField.transform(toObject),
});

type Envelope = z.output<typeof envelope>;

/**
 * Reads a webhook: a receipt, a message of a contact, or no event for one of another kind.
 *
 * @throws AppError `payload_invalid`
 */
export function readAndroidWebhook(body: Buffer): { deviceId: string | undefined; events: ChannelEvent[] } {
  const read = parse(envelope, toObject(parseForeignJson(body)));
  return { deviceId: read.deviceId, events: toEvents(read) };
}

function toEvents(read: Envelope): ChannelEvent[] {
  switch (read.event) {
    case 'sms:received':
      return readText(read);
    case 'mms:downloaded':
      return readPicture(read);
    case 'mms:received':
      return readPictureNotice(read);
    case 'sms:sent':
    case 'sms:delivered':
    case 'sms:failed':
    case 'sms:cancelled':
      return readReceipt(read);
    default:
      return [];
  }
}

function parse<Shape extends z.ZodType>(schema: Shape, value: unknown): z.output<Shape> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw new AppError('payload_invalid', 'This is no webhook of the SMS gateway.', {
    details: result.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`),
  });
}

const receiptPayload = z.object({
  messageId: requiredText(maxChars.externalId),
  reason: text,
  ...{ sentAt: time, deliveredAt: time, failedAt: time, cancelledAt: time },
});

const ownId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Reads a receipt. That a message was sent is no news, unless its id is one of ours: then it proves the send. */
function readReceipt({ event, payload }: Envelope): ChannelEvent[] {
  const { messageId: externalId, reason, sentAt, deliveredAt, failedAt, cancelledAt } = parse(receiptPayload, payload);
  const messageId = ownId.test(externalId) ? externalId : undefined;
  const base = { messageId, externalId };
  switch (event) {
    case 'sms:sent':
      return messageId === undefined ? [] : [{ kind: 'receipt', receipt: { ...base, state: 'accepted', occurredAt: sentAt } }];
    case 'sms:delivered':
      return [{ kind: 'receipt', receipt: { ...base, state: 'delivered', occurredAt: deliveredAt } }];
    default: {
      const error = toFailure(event.slice('sms:'.length), reason);
      return [{ kind: 'receipt', receipt: { ...base, state: 'failed', error, occurredAt: failedAt ?? cancelledAt } }];
    }
  }
}

const person = unknownField.transform((value) => shortId(maxChars.address).parse(value));
const parties = { sender: person, phoneNumber: person, recipient: person, receivedAt: time };

/** Requires the sender, which older versions of the app call `phoneNumber`. */
function requireSender({ sender, phoneNumber }: { sender: string | undefined; phoneNumber: string | undefined }): string {
  const from = sender ?? phoneNumber;
  if (from !== undefined) return from;
  throw new AppError('payload_invalid', 'This is no webhook of the SMS gateway.', { details: ['payload.sender: is needed'] });
}

const textPayload = z.object({ ...parties, message: text });

/** Reads an SMS. The webhook's own id is its external id: the app's id of the message is a hash of 32 bits, which two messages may share. */
function readText({ id, payload }: Envelope): ChannelEvent[] {
  const read = parse(textPayload, payload);
  return [toInbound(id, read, read.message ?? '[Message without text]', [])];
}

const picturePayload = z.object({ ...parties, subject: text, body: text, attachments: unknownField });

/** Reads a picture message that the phone has downloaded. */
function readPicture({ id, payload }: Envelope): ChannelEvent[] {
  const read = parse(picturePayload, payload);
  const { attachments, missingCount } = listFiles(read.attachments);
  const missing =
    missingCount > 0 ? `[${formatCount(missingCount, 'file')} left out: open the message on the phone]` : undefined;
  const parts = [read.subject, read.body, missing].filter((part) => part !== undefined);
  const words = parts.length > 0 ? parts.join('\n') : attachments.length > 0 ? undefined : '[Message without text]';
  return [toInbound(id, read, words, attachments)];
}

const noticePayload = z.object({ ...parties, subject: text });

/** Reads the notice of a picture message whose content older versions of the app do not pass on. */
function readPictureNotice({ id, payload }: Envelope): ChannelEvent[] {
  const read = parse(noticePayload, payload);
  const words = [read.subject, '[Picture message: open it on the phone]'].filter((part) => part !== undefined).join('\n');
  return [toInbound(id, read, words, [])];
}

function toInbound(
  externalId: string,
  read: {
    sender: string | undefined;
    phoneNumber: string | undefined;
    recipient: string | undefined;
    receivedAt: Date | undefined;
  },
  words: string | undefined,
  attachments: readonly InboundAttachment[],
): ChannelEvent {
  return {
    kind: 'inbound',
    inbound: {
      ...{ externalId, from: requireSender(read), to: read.recipient, text: words, attachments },
      ...{ occurredAt: read.receivedAt, sentExternally: false },
    },
  };
}

/** HighLevel takes no more. */
const maxFiles = 20;
/** Characters of base64 of one message: its row holds them until they are stored. */
const maxFileChars = 3_000_000;
const base64 = /^[A-Za-z0-9+/]+={0,2}$/;
const contentType = /^[a-z0-9.+-]+\/[a-z0-9.+-]+$/i;

/** Lists the files of a picture message, which are in the webhook itself. Android counts its page layout (SMIL) as a file. */
function listFiles(value: unknown): { attachments: InboundAttachment[]; missingCount: number } {
  const rows = toList(value)
    .map(toObject)
    .map((row) => ({
      type: toText(row.contentType)?.trim().toLowerCase() ?? '',
      data: toText(row.data),
      name: toText(row.name),
    }))
    .filter(({ type }) => type !== '' && type !== 'application/smil');
  let leftChars = maxFileChars;
  const attachments = rows.flatMap(({ type, data, name }) => {
    const isUsable = data !== undefined && data.length <= leftChars && base64.test(data) && contentType.test(type);
    if (!isUsable) return [];
    leftChars -= data.length;
    return [{ ref: `data:${type};base64,${data}`, name, contentType: type }];
  });
  return { attachments: attachments.slice(0, maxFiles), missingCount: rows.length - Math.min(attachments.length, maxFiles) };
}
