import { createHash } from 'node:crypto';
import type { Attachment, Email } from 'postal-mime';
import { maxChars } from '../../core/bounds.ts';
import { formatCount } from '../../core/format-count.ts';
import { sanitize, truncate } from '../../core/sanitize.ts';
import type { InboundAttachment, InboundContent } from '../channel.ts';
import { isMailAddress, isSameAddress } from '../mail/addresses.ts';
import { findRepliedMessage } from '../mail/headers.ts';
import { toPlainText } from '../mail/html-text.ts';
import { parseMessageId } from '../mail/message-id.ts';
import { addNote } from '../mail/notes.ts';
import { makeHtmlSafe } from './inbound-html.ts';
import type { IncomingMail } from './parse-incoming-mail.ts';

/** Place of a mail in its mailbox. */
export interface MailPlace {
  readonly uidValidity: string;
  readonly uid: number;
}

const maxTextChars = 500_000;
/** Most files of an email that are passed on. */
export const maxFiles = 10;
const maxSummaryChars = 300;
const senderNote = '[The mail server did not prove the sender of this email.]';

/** Files that are part of a signature or of an encrypted mail, and say nothing to a person. */
const droppedTypes = new Set(['application/pkcs7-signature', 'application/x-pkcs7-signature', 'application/pgp-signature']);

/** Lists the files of a mail that a person may want, in its order. The index of each is part of its reference. */
export function listFiles({ attachments }: Email): { readonly file: Attachment; readonly index: number }[] {
  return attachments
    .map((file, index) => ({ file, index }))
    .filter(
      ({ file }) =>
        !droppedTypes.has(file.mimeType.toLowerCase()) && !/^message\/(?:partial|external-body)/i.test(file.mimeType),
    );
}

/** Formats the reference of a file. */
function formatFileRef({ uidValidity, uid }: MailPlace, index: number): string {
  return `${uidValidity}/${uid}/${index}`;
}

/** Parses a reference of a file. @returns null for a text of another form */
export function parseFileRef(ref: string): (MailPlace & { index: number }) | null {
  const found = /^(\d{1,20})\/(\d{1,10})\/(\d{1,5})$/.exec(ref);
  return found?.[1] ? { uidValidity: found[1], uid: Number(found[2]), index: Number(found[3]) } : null;
}

/** Reads a mail of a person as a message. */
export function toInboundContent(
  { headers, email, from }: IncomingMail,
  options: {
    place: MailPlace;
    own: string;
    /** Whether a note says that the sender is not proved. */
    isMarked: boolean;
    receivedAt: Date | undefined;
    note?: string | undefined;
  },
): InboundContent | null {
  if (!from) return null;
  const files = listFiles(email);
  const notes = [options.note, ...describeContent(email, files.length), options.isMarked ? senderNote : undefined];
  const body = toBody(email);
  const { text, html } = addNote(body, notes.filter((note) => note !== undefined).join('\n') || null);
  return {
    externalId: toExternalId(email),
    from: from.address,
    to: findOwnRecipient(email, options.own),
    name: from.name ? truncate(from.name, maxChars.address) : undefined,
    text,
    html,
    subject: email.subject ? truncate(sanitize(email.subject), maxChars.externalId) : undefined,
    attachments: files.slice(0, maxFiles).map(({ file, index }) => toAttachment(file, formatFileRef(options.place, index))),
    replyToExternalId: findRepliedMessage(headers, options.own)?.id,
    occurredAt: toSentDate(email.date) ?? options.receivedAt,
    sentExternally: false,
  };
}

function toBody({ text, html }: Email): { text: string | undefined; html: string | undefined } {
  const safe = html ? makeHtmlSafe(html) : null;
  const plain = sanitize((text || toPlainText(safe ?? (html ?? '').slice(0, maxTextChars))).slice(0, maxTextChars));
  return { text: plain.trim() === '' ? undefined : plain, html: safe === null ? undefined : sanitize(safe) };
}

/** Describes what the mail holds that a page can't show. */
function describeContent({ attachments, text, html }: Email, fileCount: number): string[] {
  const types = attachments.map(({ mimeType }) => mimeType.toLowerCase());
  const notes: string[] = [];
  const calendar = attachments.find(({ mimeType }) => mimeType.toLowerCase() === 'text/calendar');
  if (calendar && !text?.trim() && !html?.trim()) notes.push(`[Calendar invitation${toSummary(calendar)}]`);
  if (types.some((type) => /^application\/(?:ms-tnef|vnd\.ms-tnef)$/.test(type))) {
    notes.push('[The email has a file winmail.dat, which Outlook alone can read: ask the sender for plain text or HTML.]');
  }
  if (types.some((type) => /^application\/(?:x-)?pkcs7-mime$|^application\/pgp-encrypted$/.test(type))) {
    notes.push('[The email is encrypted and can’t be shown here.]');
  }
  if (fileCount > maxFiles) notes.push(`[In the mailbox: ${formatCount(fileCount - maxFiles, 'further file')}.]`);
  return notes;
}

function toSummary({ content }: Attachment): string {
  const text = typeof content === 'string' ? content : new TextDecoder().decode(content);
  const line =
    text
      .slice(0, 64 * 1024)
      .split(/\r?\n/)
      .find((one) => /^SUMMARY[;:]/.test(one)) ?? '';
  const summary = line.slice(line.indexOf(':') + 1, maxSummaryChars);
  return summary ? `: ${sanitize(summary.replace(/\\([,;\\])/g, '$1').trim())}` : '';
}

function toAttachment({ filename, mimeType }: Attachment, ref: string): InboundAttachment {
  const name = filename ? truncate(sanitize(filename), 200) : undefined;
  return { ref, name, contentType: mimeType.slice(0, 200) };
}

function findOwnRecipient({ to, cc, deliveredTo }: Email, own: string): string {
  const addresses = [...(to ?? []), ...(cc ?? [])].flatMap(({ address }) => address ?? []);
  return (
    addresses.find((address) => isSameAddress(address, own)) ?? (deliveredTo && isMailAddress(deliveredTo) ? deliveredTo : own)
  );
}

function toSentDate(date: string | undefined): Date | undefined {
  const time = date === undefined ? Number.NaN : Date.parse(date);
  return Number.isNaN(time) || time < Date.UTC(1990, 0) ? undefined : new Date(time);
}

/** Returns the Message-ID, else a hash of the content, which stays the same when the mailbox is numbered anew. */
function toExternalId({ messageId, from, date, subject, text, html }: Email): string {
  const content = [from?.address, date, subject, text ?? '', html ?? ''].join('\n');
  return parseMessageId(messageId) ?? `mail-${createHash('sha256').update(content).digest('hex').slice(0, 40)}`;
}
