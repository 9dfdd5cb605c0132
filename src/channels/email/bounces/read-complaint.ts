import { listFieldValues, parseFieldGroups, stripFieldType } from './delivery-fields.ts';
import { listAddresses } from './find-failed-addresses.ts';
import { maxReport } from './mail-report.ts';
import { type ParsedMail, parseHeaderLines } from './parse-mail.ts';
import { getHeader } from './sender-kind.ts';
import type { ReportText } from './split-original.ts';

export interface Complaint {
  readonly feedbackType: string;
  /** Empty when the reporter hides them, as most do. */
  readonly recipients: readonly string[];
}

const recipientFields = ['original-rcpt-to', 'removal-recipient', 'redacted-address'];
const hotmailReporter = 'staff@hotmail.com';
const hotmailHeader = 'x-hmxmroriginalrecipient';
const maxTypeChars = 40;

/** Reads a feedback report (RFC 5965), one of Hotmail, which returns just the mail, or an unsubscription of Apple Mail. @returns null for other mail */
export function readComplaint(mail: ParsedMail, { original }: ReportText): Complaint | null {
  const part = mail.parts.find(({ type }) => type === 'message/feedback-report');
  if (part) {
    const type =
      parseFieldGroups(part.text)
        .find((group) => group.has('feedback-type'))
        ?.get('feedback-type') ?? 'abuse';
    const named = recipientFields.flatMap((name) => listFieldValues(part.text, name));
    return {
      feedbackType: type.trim().toLowerCase().slice(0, maxTypeChars),
      recipients: toUnique(named.flatMap((value) => listAddresses(stripFieldType(value)))),
    };
  }
  // Apple Mail's button sends a mail to the address in List-Unsubscribe.
  if (mail.headers.has('x-apple-unsubscribe'))
    return { feedbackType: 'opt-out', recipients: mail.from === null ? [] : [mail.from] };
  const isReporter = mail.from === hotmailReporter || listAddresses(getHeader(mail, 'return-path')).includes(hotmailReporter);
  if (!isReporter) return null;
  // The mail comes back as an attachment, or as it was with one more header.
  const returned = parseHeaderLines(original).flatMap(({ key, value }) => (key === hotmailHeader ? [value] : []));
  const recipients = [...returned, ...(mail.headers.get(hotmailHeader) ?? [])].flatMap(listAddresses);
  return recipients.length > 0 ? { feedbackType: 'abuse', recipients: toUnique(recipients) } : null;
}

function toUnique(addresses: readonly string[]): string[] {
  return [...new Set(addresses)].slice(0, maxReport.recipients);
}
