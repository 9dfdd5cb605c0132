import type { OutboundMessage, SendOutcome } from '../channel.ts';
import { formatMailbox, type Mailbox, parseRecipients } from '../mail/addresses.ts';
import { buildContent, buildThreadHeaders, type MailContent } from '../mail/content.ts';
import { createMessageId } from '../mail/message-id.ts';
import { toNoResponseOutcome } from '../mail/request.ts';
import { chooseSender, type MailSender } from '../mail/sender.ts';
import { buildUnsubscribeHeaders } from '../mail/unsubscribe.ts';
import { requestMailgun } from './api.ts';
import type { MailgunConfig, MailgunContext } from './config.ts';
import { toErrorOutcome } from './errors.ts';
import { readSentId } from './records.ts';

const maxBytes = 25_000_000;
const maxRecipients = 1_000;

/**
 * Sends an email in one request, which names all recipients: they see each other, as HighLevel's users expect, and Mailgun reports each of them
 * alone. An invalid address is refused here, as Mailgun would refuse the email of all. Mailgun has no idempotency key; the Message-ID, which
 * is made from ours, finds the email again.
 */
export async function sendMessage(context: MailgunContext, message: OutboundMessage): Promise<SendOutcome> {
  const { config } = context.connection;
  const { mailboxes, refused } = parseRecipients(message.to);
  if (mailboxes.length === 0) {
    const { code, message: reason } = refused[0] ?? { code: 'invalid_address', message: 'The email has no recipient.' };
    return { kind: 'rejected', code, message: reason };
  }
  if (mailboxes.length > maxRecipients) {
    const reason = `The email has ${mailboxes.length} recipients; Mailgun takes ${maxRecipients}.`;
    return { kind: 'rejected', code: 'too_many_recipients', message: reason };
  }
  const content = await buildContent(context, message, maxBytes);
  if ('failure' in content) return content.failure;
  const sender = chooseSender(config.from, message.from, [config.domain]);
  const result = await requestMailgun(context, {
    path: `/v3/${config.domain}/messages`,
    form: [
      ...toFields(config, mailboxes, sender, content),
      ...Object.entries(toHeaders(context, message, mailboxes, sender)).map(([name, value]) => [`h:${name}`, value] as const),
    ],
    files: content.files,
  });
  if (result.kind === 'failed') return toNoResponseOutcome(result);
  if (result.kind === 'error') return { ...toErrorOutcome(result), response: result.text };
  const id = readSentId(result.body);
  if (id === undefined) {
    // Mailgun's servers respond with 200 and a greeting at every address that they do not know.
    const reason = 'The response names no message of Mailgun: check the domain and the API base URL.';
    return { kind: 'connection_error', code: 'wrong_address', message: reason, response: result.text };
  }
  const rejectedRecipients = refused.length > 0 ? { rejectedRecipients: refused } : {};
  return { kind: 'accepted', externalIds: [id], response: result.text, ...rejectedRecipients };
}

function toFields(
  config: MailgunConfig,
  mailboxes: readonly Mailbox[],
  { from }: MailSender,
  { subject, text, html }: MailContent,
): (readonly [string, string])[] {
  return [
    ['from', formatMailbox(from)],
    ...mailboxes.map((mailbox) => ['to', formatMailbox(mailbox)] as const),
    ['subject', subject],
    ['text', text],
    ...(html === null ? [] : [['html', html] as const]),
    ...(config.openedIsRead ? [['o:tracking-opens', 'yes'] as const] : []),
  ];
}

function toHeaders(
  { connection }: MailgunContext,
  message: OutboundMessage,
  mailboxes: readonly Mailbox[],
  { replyTo }: MailSender,
): Record<string, string> {
  const { config } = connection;
  const [only, ...others] = mailboxes;
  // One address for all recipients would let each of them unsubscribe the first.
  const canUnsubscribe = config.oneClickUnsubscribe && only !== undefined && others.length === 0 && !message.replyToExternalId;
  return {
    'Message-Id': `<${createMessageId(message.idempotencyKey, config.domain)}>`,
    ...buildThreadHeaders(message),
    ...(replyTo ? { 'Reply-To': formatMailbox(replyTo) } : {}),
    ...(canUnsubscribe ? buildUnsubscribeHeaders(connection, config.webhookSigningKey, only.address) : {}),
  };
}
