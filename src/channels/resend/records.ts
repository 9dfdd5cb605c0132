import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { nestedObject, shortId, text, time, toId, toList, toObject, toText, unknownField } from '../../core/foreign.ts';
import { type MailHeaders, readHeaders } from '../mail/headers.ts';
import { parseMessageId } from '../mail/message-id.ts';

const id = shortId(maxChars.externalId);
const word = text.transform((value) => value?.trim().toLowerCase());
const addresses = unknownField.transform((value) => toList(value).flatMap((one) => toId(one) ?? []));

/** Names of the tags by which our emails are known among those of other programs. */
export const tagNames = { message: 'patchbay_message', connection: 'patchbay_connection' } as const;

/** Reads the name and the words of an error. */
export function readApiError(body: Record<string, unknown>): { name: string | undefined; message: string | undefined } {
  return { name: toId(body.name), message: toText(body.message) };
}

/** Reads the id of an email, as a send returns it. */
export function readSentId(body: Record<string, unknown>): string | undefined {
  const sent = toId(body.id);
  return sent !== undefined && sent.length <= maxChars.externalId ? sent : undefined;
}

const tags = unknownField.transform((value) => {
  const pairs: [string, unknown][] = Array.isArray(value)
    ? value.map((row) => [toText(toObject(row).name) ?? '', toObject(row).value])
    : Object.entries(toObject(value));
  const read = new Map(pairs.map(([name, content]) => [name, toId(content)]));
  return { messageId: read.get(tagNames.message)?.toLowerCase(), connectionId: read.get(tagNames.connection) };
});

const sentEmail = z
  .object({ id, last_event: word, to: addresses, tags })
  .transform((email) => ({ id: email.id, lastEvent: email.last_event, to: email.to, tags: email.tags }));

/** Reads an email that was sent. */
export function readSentEmail(body: Record<string, unknown>) {
  return sentEmail.parse(body);
}

const reason = nestedObject(z.object({ type: text, subType: text, message: text, reason: text }));

const eventRecord = z
  .object({
    type: word,
    created_at: time,
    data: nestedObject(
      z.object({
        email_id: id,
        to: addresses,
        cc: addresses,
        received_for: addresses,
        tags,
        bounce: reason,
        failed: reason,
        suppressed: reason,
      }),
    ),
  })
  .transform(({ type, created_at: at, data }) => ({
    ...{ type, at, emailId: data.email_id, to: data.to, tags: data.tags },
    receivers: [...data.received_for, ...data.to, ...data.cc],
    ...{ bounce: data.bounce, failed: data.failed, suppressed: data.suppressed },
  }));

/** An event of a webhook; any field may be missing. */
export type EventRecord = z.output<typeof eventRecord>;

/** Reads the event of a webhook. */
export function readEvent(value: Record<string, unknown>): EventRecord {
  return eventRecord.parse(value);
}

const attachment = z
  .object({ id, filename: text, content_type: text })
  .transform((file) => ({ id: file.id, name: file.filename, contentType: file.content_type }));

const receivedEmail = z
  .object({
    from: text,
    to: addresses,
    subject: text,
    text,
    html: text,
    message_id: text,
    created_at: time,
    headers: unknownField,
    attachments: unknownField,
  })
  .transform((email) => ({
    ...{ from: email.from, to: email.to, subject: email.subject, text: email.text, html: email.html, at: email.created_at },
    messageId: parseMessageId(email.message_id),
    headers: readHeaders(email.headers) as MailHeaders,
    files: toList(email.attachments).map((row) => attachment.parse(toObject(row))),
  }));

/** A received email: of the event, without its content, or as Resend keeps it. */
export type ReceivedEmail = z.output<typeof receivedEmail>;

/** Reads a received email. */
export function readReceivedEmail(value: Record<string, unknown>): ReceivedEmail {
  return receivedEmail.parse(value);
}

/** Reads the address of a received file. */
export function readDownloadUrl(body: Record<string, unknown>): string | undefined {
  const url = toId(body.download_url);
  return url !== undefined && /^https?:\/\//.test(url) && URL.canParse(url) ? url : undefined;
}

const domainRecord = z
  .object({ name: word, status: word, capabilities: nestedObject(z.object({ sending: word, receiving: word })) })
  .transform(({ name, status, capabilities }) => ({ name, status, receiving: capabilities.receiving }));

export type DomainRecord = z.output<typeof domainRecord>;

/** Reads a page of the account's domains. */
export function readDomains(body: Record<string, unknown>): DomainRecord[] {
  return toList(body.data).map((row) => domainRecord.parse(toObject(row)));
}

const webhookRecord = z
  .object({ id, endpoint: text, status: word, events: addresses, signing_secret: id })
  .transform((row) => ({
    ...{ id: row.id, endpoint: row.endpoint, status: row.status, events: row.events, secret: row.signing_secret },
  }));

export type WebhookRecord = z.output<typeof webhookRecord>;

/** Reads a webhook of the account. */
export function readWebhook(value: Record<string, unknown>): WebhookRecord {
  return webhookRecord.parse(value);
}

/** Reads a page of the account's webhooks. */
export function readWebhooks(body: Record<string, unknown>): WebhookRecord[] {
  return toList(body.data).map((row) => readWebhook(toObject(row)));
}
