import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, InboundAttachment, InboundContent } from '../channel.ts';
import { isSameAddress, parseMailbox } from '../mail/addresses.ts';
import { findRepliedMessage } from '../mail/headers.ts';
import { classifyMail } from '../mail/machine-mail.ts';
import { addNote } from '../mail/notes.ts';
import { toReplyReceipts } from '../mail/reply-receipt.ts';
import { requestResend } from './api.ts';
import type { ResendContext } from './config.ts';
import { describeError } from './errors.ts';
import { type EventRecord, type ReceivedEmail, readApiError, readReceivedEmail } from './records.ts';

/** Ids of Resend, as addresses of its API hold them. */
export const resendId = /^[0-9A-Za-z-]{8,64}$/;

/**
 * Receives an email: the event has no content, so that Resend is asked for it. It is a contact's message where it goes to the sender's
 * address and a person has written it.
 *
 * @param data of the event, for a key that may not read received emails
 * @throws AppError `vendor_unavailable`: Resend repeats the event
 */
export async function receiveEmail(
  context: ResendContext,
  event: EventRecord,
  data: Record<string, unknown>,
): Promise<ChannelEvent[]> {
  const own = parseMailbox(context.connection.config.from)?.address ?? '';
  const isOurs = event.receivers.some((receiver) => isSameAddress(parseMailbox(receiver)?.address ?? receiver, own));
  if (!isOurs) return [];
  if (event.emailId === undefined || !resendId.test(event.emailId)) {
    throw new AppError('payload_invalid', 'This event names no email.', { details: ['data.email_id: is needed'] });
  }
  const { email, note } = await fetchEmail(context, event.emailId, data);
  const from = parseMailbox(email.from ?? '');
  if (!from) throw new AppError('payload_invalid', 'This email has no sender.', { details: ['data.from: is needed'] });
  const reason = isSameAddress(from.address, own) ? 'own_mail' : classifyMail(email.headers, from.address);
  if (reason) {
    context.log.info({ reason }, 'an email that no contact has written was left out');
    return [];
  }
  const inbound = toInbound(email, event, { from, own, note });
  return [
    { kind: 'inbound', inbound },
    ...toReplyReceipts(findRepliedMessage(email.headers, own), from.address, inbound.occurredAt),
  ];
}

async function fetchEmail(
  context: ResendContext,
  emailId: string,
  data: Record<string, unknown>,
): Promise<{ email: ReceivedEmail; note: string | null }> {
  // Inline pictures would make the HTML as large as they are.
  const response = await requestResend(context, { path: `/emails/receiving/${emailId}`, query: { html_format: 'cid' } });
  if (response.kind === 'ok') {
    const email = readReceivedEmail(response.body);
    if (email.from !== undefined) return { email, note: null };
    // More than the program reads of a response.
    return { email: readReceivedEmail(data), note: '[The content of this email is too large to be shown here.]' };
  }
  if (response.kind === 'error' && readApiError(response.body).name === 'restricted_api_key') {
    const note = '[The content of this email could not be read: the API key of this connection has sending access only.]';
    return { email: readReceivedEmail(data), note };
  }
  throw new AppError('vendor_unavailable', response.kind === 'failed' ? response.message : describeError(response));
}

function toInbound(
  email: ReceivedEmail,
  event: EventRecord,
  { from, own, note }: { from: { name: string | null; address: string }; own: string; note: string | null },
): InboundContent {
  const replied = findRepliedMessage(email.headers, own);
  return {
    externalId: email.messageId ?? event.emailId ?? '',
    from: from.address,
    to: own,
    name: from.name ?? undefined,
    ...addNote({ text: email.text, html: email.html }, note),
    subject: email.subject,
    attachments: listFiles(email, event.emailId ?? ''),
    // Resend replaces the Message-ID, so that ours is known to this program alone.
    replyToExternalId: replied?.messageId ?? replied?.id,
    occurredAt: event.at ?? email.at,
    sentExternally: false,
  };
}

const maxFiles = 20;

/** Lists the files of an email, as references: their addresses expire. */
function listFiles({ files }: ReceivedEmail, emailId: string): InboundAttachment[] {
  return files
    .flatMap(({ id, name, contentType }): InboundAttachment[] =>
      id !== undefined && resendId.test(id)
        ? [{ ref: `${emailId}/${id}`, name: name && truncate(name, maxChars.address), contentType }]
        : [],
    )
    .slice(0, maxFiles);
}
