import { listAddresses } from './find-failed-addresses.ts';
import type { MailReport, ReportedRecipient } from './mail-report.ts';
import { type ParsedMail, parseHeaderLines, parseMail } from './parse-mail.ts';
import { readComplaint } from './read-complaint.ts';
import { readDeliveryStatus } from './read-delivery-status.ts';
import { readDisposition } from './read-disposition.ts';
import { readPlainBounce } from './read-plain-bounce.ts';
import { readSesNotification } from './read-ses-notification.ts';
import { collectIds } from './report-ids.ts';
import {
  classifyOrigin,
  getAutoSubmitted,
  getHeader,
  hasNullReturnPath,
  isAutoReply,
  isFromMailServer,
} from './sender-kind.ts';
import { type ReportText, splitOriginal } from './split-original.ts';

const deliveryStatusType = /^message\/(?:global-)?delivery-status/;

/**
 * Reads what a mail reports: the delivery to each recipient, a complaint, a read receipt, an automatic response, or that it is an ordinary
 * message. Looks at the first 512 KiB, takes linear time and never throws. A report is an unauthenticated mail: `findOwnId` decides whether it
 * counts.
 */
export async function readMailReport(bytes: Uint8Array): Promise<MailReport> {
  const mail = await parseMail(bytes);
  const text = splitOriginal(mail);
  const ses = readSesNotification(mail);
  const ids = collectIds(mail, text, ses?.messageIds ?? []);
  const complaint = ses?.complaint ?? readComplaint(mail, text);
  if (complaint) return { kind: 'complaint', ids, ...complaint };
  if (ses) return { kind: 'dsn', ids, recipients: ses.recipients };
  const disposition = readDisposition(mail);
  if (disposition) return { kind: 'read', ids, ...disposition };
  const recipients = readBounce(mail, text);
  if (recipients) return { kind: 'dsn', ids, recipients };
  if (isAutoReply(mail)) return { kind: 'auto_reply', ids, sender: mail.from };
  return { kind: 'message', ids, origin: classifyOrigin(mail) };
}

/** Returns whether a machine wrote the mail, so that it never makes a contact. */
export function isFromMachine(report: MailReport): boolean {
  return report.kind !== 'message' || report.origin !== 'person';
}

function readBounce(mail: ParsedMail, text: ReportText): ReportedRecipient[] | null {
  const isReport = mail.contentType.startsWith('multipart/report');
  const isMachine = isReport || isFromMailServer(mail) || hasNullReturnPath(mail) || getAutoSubmitted(mail) !== '';
  // A person who forwards a bounce sends its parts along.
  if (!isMachine) return readPlainBounce(mail, text);
  const fallback = findOnlyRecipient(mail, text);
  const parts = mail.parts.filter(({ type }) => deliveryStatusType.test(type)).map((part) => part.text);
  // Some programs send the fields as text; there a recipient's field must be among them.
  const sources = parts.length > 0 ? parts : [mail.text].filter((body) => /^final-recipient\s?:/im.test(body));
  const recipients = sources.flatMap((source) => readDeliveryStatus(source, text.statement, fallback));
  return recipients.length > 0 ? recipients : readPlainBounce(mail, text);
}

/** Finds the recipient where the report has just one: in X-Failed-Recipients, else in the returned mail. */
function findOnlyRecipient(mail: ParsedMail, { original }: ReportText): string | null {
  const declared = listAddresses(getHeader(mail, 'x-failed-recipients'));
  const returned = listAddresses(parseHeaderLines(original.trimStart()).find(({ key }) => key === 'to')?.value ?? '');
  const only = [declared, returned].find((list) => list.length > 0);
  return only?.length === 1 ? (only[0] ?? null) : null;
}
