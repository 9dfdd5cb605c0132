import { createHash } from 'node:crypto';
import { sleep } from '../../core/clock.ts';
import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { formatMailbox, getDomain, type Mailbox, parseRecipients, type RefusedRecipient } from '../mail/addresses.ts';
import { buildContent, buildThreadHeaders, type MailContent } from '../mail/content.ts';
import { createMessageId } from '../mail/message-id.ts';
import { toNoResponseOutcome } from '../mail/request.ts';
import { chooseSender } from '../mail/sender.ts';
import { buildUnsubscribeHeaders } from '../mail/unsubscribe.ts';
import { requestResend } from './api.ts';
import type { ResendContext } from './config.ts';
import { toErrorOutcome } from './errors.ts';
import { readSentId, tagNames } from './records.ts';

const maxBytes = 40_000_000;
/** Resend takes two requests a second from a new account. */
const rateLimitDelayMs = 1_000;
const maxRateLimitWaits = 20;

/**
 * Sends an email, in one request for each recipient: Resend's events do not say which of several they are about. Each request has a key of
 * its own, made from ours and the address, and the same content on every attempt, so that a repeat within a day sends no second email.
 */
export async function sendMessage(context: ResendContext, message: OutboundMessage): Promise<SendOutcome> {
  const { mailboxes, refused } = parseRecipients(message.to);
  const content = mailboxes.length === 0 ? null : await buildContent(context, message, maxBytes);
  if (content !== null && 'failure' in content) return content.failure;
  const rejectedRecipients = [...refused];
  const ids = new Set(message.acceptedParts);
  // Continues after those that were accepted. Which of the first ones were refused then is found out by repeats, which send no email.
  const start = Math.min(message.acceptedParts.length, mailboxes.length);
  const queue = [...mailboxes.slice(start), ...mailboxes.slice(0, start)];
  let [response, waits] = ['', 0];
  while (content !== null && ids.size + rejectedRecipients.length < mailboxes.length + refused.length) {
    const mailbox = queue.shift();
    if (!mailbox) break;
    const outcome = await sendTo(context, message, mailbox, content);
    if (outcome.kind === 'accepted' || outcome.kind === 'delivered') {
      for (const id of outcome.externalIds) ids.add(id);
      response = outcome.response ?? '';
    } else if (outcome.kind === 'rejected') {
      if (mailboxes.length === 1) return outcome;
      rejectedRecipients.push({ address: mailbox.address, code: outcome.code, message: outcome.message });
    } else if (isRateLimited(outcome) && mailboxes.length > 1 && waits < maxRateLimitWaits && !context.signal.aborted) {
      waits += 1;
      queue.unshift(mailbox);
      await sleep(context.clock, rateLimitDelayMs);
    } else return ids.size === 0 ? outcome : ({ ...outcome, acceptedParts: [...ids] } as SendOutcome);
  }
  if (ids.size === 0) return toRejection(rejectedRecipients);
  return {
    kind: 'accepted',
    externalIds: [...ids],
    response,
    ...(rejectedRecipients.length > 0 ? { rejectedRecipients } : {}),
  };
}

function isRateLimited(outcome: SendOutcome): boolean {
  return outcome.kind === 'unavailable' && outcome.code === 'rate_limit_exceeded';
}

function toRejection([first]: readonly RefusedRecipient[]): SendOutcome {
  const { code, message } = first ?? { code: 'invalid_address', message: 'The email has no recipient.' };
  return { kind: 'rejected', code, message };
}

async function sendTo(
  context: ResendContext,
  message: OutboundMessage,
  mailbox: Mailbox,
  content: MailContent,
): Promise<SendOutcome> {
  const result = await requestResend(context, {
    path: '/emails',
    body: toBody(context, message, mailbox, content),
    idempotencyKey: toRecipientKey(message.idempotencyKey, mailbox.address),
  });
  if (result.kind === 'failed') return toNoResponseOutcome(result);
  if (result.kind === 'error') return { ...toErrorOutcome(result), response: result.text };
  const id = readSentId(result.body);
  if (id !== undefined) return { kind: 'accepted', externalIds: [id], response: result.text };
  // A success without an id is not Resend's: a proxy may have responded in its place.
  return { kind: 'unknown', code: 'no_id', message: 'The response names no email of Resend.', response: result.text };
}

/** Builds the idempotency key of one recipient. */
export function toRecipientKey(idempotencyKey: string, address: string): string {
  return `${idempotencyKey}:${createHash('sha256').update(address.toLowerCase()).digest('hex').slice(0, 16)}`;
}

function toBody(
  { connection }: ResendContext,
  message: OutboundMessage,
  mailbox: Mailbox,
  { subject, text, html, files }: MailContent,
): object {
  const { config } = connection;
  const { from, replyTo } = chooseSender(config.from, message.from, []);
  const ownId = createMessageId(message.idempotencyKey, getDomain(from.address));
  const canUnsubscribe = config.oneClickUnsubscribe && !message.replyToExternalId;
  const headers = {
    // Resend replaces the Message-ID; a reply keeps this id among its references.
    ...buildThreadHeaders(message, ownId),
    ...(canUnsubscribe ? buildUnsubscribeHeaders(connection, config.webhookSecret, mailbox.address) : {}),
  };
  return {
    ...{ from: formatMailbox(from), to: [formatMailbox(mailbox)], subject, text, headers },
    ...(html === null ? {} : { html }),
    ...(replyTo ? { reply_to: [formatMailbox(replyTo)] } : {}),
    ...(files.length > 0
      ? {
          attachments: files.map(({ name, contentType, data }) => ({
            ...{ filename: name, content: data.toString('base64'), content_type: contentType },
          })),
        }
      : {}),
    tags: [
      { name: tagNames.message, value: message.id },
      { name: tagNames.connection, value: connection.id },
    ],
  };
}
