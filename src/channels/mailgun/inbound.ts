import { createHash } from 'node:crypto';
import * as z from 'zod';
import { maxChars } from '../../core/bounds.ts';
import { AppError } from '../../core/errors.ts';
import { parseWithAllDigits, text, time, toId, toList, toObject, toText } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, InboundAttachment, InboundContent } from '../channel.ts';
import { isSameAddress, parseMailbox, parseRecipients } from '../mail/addresses.ts';
import { findRepliedMessage, getHeader, type MailHeaders, readHeaders } from '../mail/headers.ts';
import { classifyMail, type MachineMail } from '../mail/machine-mail.ts';
import { parseMessageId } from '../mail/message-id.ts';
import { addNote } from '../mail/notes.ts';
import { toReplyReceipts } from '../mail/reply-receipt.ts';
import type { MailgunConfig } from './config.ts';

const inboundMail = z.object({
  from: text,
  sender: text,
  recipient: text,
  subject: text,
  'body-plain': text,
  'body-html': text,
  timestamp: time,
});

/** A received email: a message of a contact, or one that is none. */
export type ReceivedMail =
  | { readonly kind: 'message'; readonly inbound: InboundContent; readonly receipts: readonly ChannelEvent[] }
  | { readonly kind: 'ignored'; readonly reason: MachineMail | 'own_mail' };

/** A file that came inside of the webhook. */
export interface PostedFile {
  readonly name: string;
  readonly bytes: number;
}

/**
 * Reads an inbound email as a route posts it. Its sender is the address in `From`: `Reply-To` may name any other person.
 *
 * @param files that came inside of the webhook, which the action `forward` posts: they can't be kept, and the text says so
 * @throws AppError `payload_invalid`: no sender
 */
export function readInboundMail(
  fields: Record<string, unknown>,
  files: readonly PostedFile[],
  config: Pick<MailgunConfig, 'from' | 'domain'>,
): ReceivedMail {
  const mail = inboundMail.parse(fields);
  const headers = readHeaders(parseField(fields['message-headers']));
  const from = parseMailbox(mail.from ?? '') ?? parseMailbox(mail.sender ?? '');
  if (!from) throw new AppError('payload_invalid', 'This is no email that Mailgun received.', { details: ['from: is needed'] });
  const own = parseMailbox(config.from)?.address ?? '';
  const kind = classifyMail(headers, from.address);
  if (kind) return { kind: 'ignored', reason: kind };
  if (isSameAddress(from.address, own)) return { kind: 'ignored', reason: 'own_mail' };
  const replied = findRepliedMessage(headers, config.domain);
  const plain = mail['body-plain'];
  const html = mail['body-html'];
  const lost = files.map(({ name, bytes }) => `${name} (${Math.ceil(bytes / 1024)} KB)`);
  const note =
    lost.length === 0
      ? null
      : `[Not kept: ${lost.join(', ')}. In Mailgun, let the route store the email and notify, instead of forwarding it.]`;
  return {
    kind: 'message',
    receipts: toReplyReceipts(replied, from.address, mail.timestamp),
    inbound: {
      externalId:
        findExternalId(headers, fields) ??
        createExternalId([from.address, getHeader(headers, 'date'), mail.subject, plain, html]),
      from: from.address,
      to: findOwnRecipient(mail.recipient, own),
      name: from.name ?? undefined,
      ...addNote({ text: plain, html }, note),
      subject: mail.subject,
      attachments: listStoredFiles(fields.attachments),
      replyToExternalId: replied?.id,
      occurredAt: mail.timestamp,
      sentExternally: false,
    },
  };
}

/** Parses a field that holds JSON. @returns undefined for one that holds none */
function parseField(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return parseWithAllDigits(value);
  } catch {
    return undefined;
  }
}

function findExternalId(headers: MailHeaders, fields: Record<string, unknown>): string | undefined {
  return parseMessageId(getHeader(headers, 'message-id') ?? toText(fields['Message-Id']));
}

/** Creates an id of an email without a Message-ID from its content, so that a repeat has the same. */
function createExternalId(parts: readonly (string | undefined)[]): string {
  return `mailgun-${createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 40)}`;
}

function findOwnRecipient(recipient: string | undefined, own: string): string | undefined {
  const { mailboxes } = parseRecipients(recipient ?? '');
  const found = mailboxes.find(({ address }) => isSameAddress(address, own)) ?? mailboxes[0];
  return found?.address;
}

const maxRefChars = 2_000;
const maxFiles = 20;

/** Lists the files that Mailgun has stored, as references: they need the API key. Mailgun keeps them for three days. */
function listStoredFiles(value: unknown): InboundAttachment[] {
  return toList(parseField(value))
    .flatMap((row) => {
      const file = toObject(row);
      const ref = toId(file.url);
      if (ref === undefined || ref.length > maxRefChars || !URL.canParse(ref)) return [];
      const name = toText(file.name);
      return [{ ref, name: name && truncate(name, maxChars.address), contentType: toText(file['content-type']) }];
    })
    .slice(0, maxFiles);
}
