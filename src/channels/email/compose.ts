import DKIM from 'nodemailer/lib/dkim';
import MailComposer from 'nodemailer/lib/mail-composer';
import type { OutboundMessage } from '../channel.ts';
import { formatMailbox, getDomain, isSameAddress, type Mailbox, parseMailbox } from '../mail/addresses.ts';
import { buildThreadHeaders, type MailContent } from '../mail/content.ts';
import { createMessageId } from '../mail/message-id.ts';
import type { MailSender } from '../mail/sender.ts';
import { buildUnsubscribeHeaders } from '../mail/unsubscribe.ts';
import { type EmailConfig, type EmailContext, getOwnAddress } from './config.ts';

/** Creates our Message-ID of an email, without its angle brackets. */
export function getMessageId({ idempotencyKey }: Pick<OutboundMessage, 'idempotencyKey'>, config: EmailConfig): string {
  return createMessageId(idempotencyKey, getDomain(getOwnAddress(config)));
}

/**
 * Chooses the sender in the header: the name of the message's own, and its address only where the config lists it. Servers refuse or replace
 * others, also those of the mailbox's domain: each belongs to a person.
 */
function chooseMailSender({ from, senders, replyTo }: EmailConfig, requested: string | null): MailSender {
  const own = parseMailbox(from) ?? { name: null, address: from };
  const wanted = requested === null ? null : parseMailbox(requested);
  const addresses = senders.map((one) => getOwnAddress({ from: one }));
  const listed = addresses.find((address) => wanted && isSameAddress(address, wanted.address));
  return {
    from: { name: wanted?.name ?? own.name, address: listed ?? own.address },
    replyTo: toMailbox(replyTo),
  };
}

function toMailbox(sender: string | undefined): Mailbox | null {
  if (sender === undefined) return null;
  return { name: null, address: getOwnAddress({ from: sender }) };
}

/**
 * Builds the bytes of an email. Addresses are passed as objects: a text may hide further recipients. All recipients are in `To`, also those that an
 * earlier attempt has reached.
 */
export async function composeMail(
  context: EmailContext,
  message: OutboundMessage,
  mailboxes: readonly Mailbox[],
  content: MailContent,
): Promise<Buffer> {
  const { connection } = context;
  const { config } = connection;
  const { from, replyTo } = chooseMailSender(config, message.from);
  const messageId = getMessageId(message, config);
  const toAddress = ({ name, address }: Mailbox) => ({ name: name ?? '', address });
  const mail = new MailComposer({
    from: toAddress(from),
    to: mailboxes.map(toAddress),
    subject: content.subject,
    text: content.text,
    ...(content.html === null ? {} : { html: content.html }),
    attachments: content.files.map(({ name, contentType, data }) => ({ filename: name, contentType, content: data })),
    messageId: `<${messageId}>`,
    date: getSentDate(message, context.clock.now()),
    headers: {
      ...buildThreadHeaders(message, messageId),
      ...(replyTo ? { 'Reply-To': formatMailbox(replyTo) } : {}),
      ...(config.readReceipts ? { 'Disposition-Notification-To': getOwnAddress(config) } : {}),
      ...toUnsubscribeHeaders(connection, message, mailboxes),
    },
    newline: 'windows',
    xMailer: false,
    disableFileAccess: true,
    disableUrlAccess: true,
  } as ConstructorParameters<typeof MailComposer>[0]);
  const bytes = await mail.compile().build();
  return config.dkim ? signMail(bytes, config.dkim) : bytes;
}

function toUnsubscribeHeaders(
  connection: EmailContext['connection'],
  message: OutboundMessage,
  mailboxes: readonly Mailbox[],
): Record<string, string> {
  const { oneClickUnsubscribe, unsubscribeSecret } = connection.config;
  const [only, ...others] = mailboxes;
  // One address for all recipients would let each of them unsubscribe the first.
  if (!oneClickUnsubscribe || !unsubscribeSecret || !only || others.length > 0 || message.replyToExternalId) return {};
  const mailbox = connection.config.imap ? getOwnAddress(connection.config) : undefined;
  return buildUnsubscribeHeaders(connection, unsubscribeSecret, only.address, mailbox);
}

async function signMail(bytes: Buffer, dkim: NonNullable<EmailConfig['dkim']>): Promise<Buffer> {
  const signer = new DKIM({ domainName: dkim.domain, keySelector: dkim.selector, privateKey: dkim.privateKey });
  const chunks: Buffer[] = [];
  for await (const chunk of signer.sign(bytes)) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const maxAgeMs = 30 * 24 * 60 * 60 * 1000;

/** Returns the time in the idempotency key, so that the bytes of each attempt have the same date; now, where the key has none. */
function getSentDate({ idempotencyKey }: OutboundMessage, now: number): Date {
  const createdAt = Number.parseInt(idempotencyKey.replace('-', '').slice(0, 12), 16);
  return new Date(createdAt <= now && createdAt > now - maxAgeMs ? createdAt : now);
}
