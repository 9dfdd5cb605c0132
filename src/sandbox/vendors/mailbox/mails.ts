/** A mail that the contact has received. */
export interface ReceivedMail {
  /** With angle brackets. */
  messageId: string;
  from: string;
  to: string;
  subject: string;
}

interface MailParts {
  headers: Record<string, string>;
  body: string;
}

const serverName = 'mail.harbour.example';

/** Writes a mail of a contact, as the mailbox’s server files it: with the proof of its sender. */
export function writeContactMail(mail: {
  messageId: string;
  from: string;
  name: string;
  to: string;
  subject: string;
  text: string;
  replyTo: ReceivedMail | null;
  file?: { name: string; contentType: string; data: Buffer } | undefined;
  at: number;
}): string {
  const { from, name, to, replyTo, file } = mail;
  const thread: Record<string, string> = replyTo ? { 'In-Reply-To': replyTo.messageId, References: replyTo.messageId } : {};
  const headers = {
    'Return-Path': `<${from}>`,
    'Authentication-Results': `${serverName}; dmarc=pass header.from=${from.slice(from.lastIndexOf('@') + 1)}`,
    From: `${encodeWords(name)} <${from}>`,
    To: to,
    Subject: encodeWords(mail.subject),
    Date: toDate(mail.at),
    'Message-ID': mail.messageId,
    ...thread,
  };
  const type = { 'Content-Type': 'text/plain; charset=utf-8', 'Content-Transfer-Encoding': '8bit' };
  const text = { headers: type, body: mail.text };
  if (!file) return render({ ...headers, ...text.headers }, [], text.body);
  return render(headers, [text, toFilePart(file)]);
}

/** Writes the report of a delivery, or of a mail that did not arrive (RFC 3464). */
export function writeDeliveryReport(report: {
  action: 'delivered' | 'failed';
  mail: ReceivedMail;
  to: string;
  messageId: string;
  at: number;
}): string {
  const { action, mail } = report;
  const isDelivered = action === 'delivered';
  const status = [
    `Reporting-MTA: dns; ${serverName}`,
    '',
    `Final-Recipient: rfc822; ${mail.to}`,
    `Action: ${action}`,
    ...(isDelivered
      ? ['Status: 2.0.0', 'Diagnostic-Code: smtp; 250 2.0.0 Ok']
      : ['Status: 5.1.1', `Diagnostic-Code: smtp; 550 5.1.1 <${mail.to}>: Recipient address rejected: User unknown`]),
  ];
  const words = isDelivered ? 'was delivered.' : 'could not be delivered: there is no such mailbox.';
  return render(
    {
      'Return-Path': '<>',
      From: `Mail Delivery System <MAILER-DAEMON@${serverName}>`,
      To: report.to,
      Subject: isDelivered ? 'Successful Mail Delivery Report' : 'Undelivered Mail Returned to Sender',
      Date: toDate(report.at),
      'Message-ID': report.messageId,
      'Auto-Submitted': 'auto-replied',
    },
    [
      { headers: { 'Content-Type': 'text/plain' }, body: `The mail to ${mail.to} ${words}` },
      { headers: { 'Content-Type': 'message/delivery-status' }, body: status.join('\r\n') },
      { headers: { 'Content-Type': 'text/rfc822-headers' }, body: toOriginalHeaders(mail) },
    ],
    'multipart/report; report-type=delivery-status',
  );
}

/** Writes the receipt of a reader (RFC 8098). */
export function writeReadReceipt({ mail, messageId, at }: { mail: ReceivedMail; messageId: string; at: number }): string {
  const notification = [
    `Final-Recipient: rfc822; ${mail.to}`,
    `Original-Message-ID: ${mail.messageId}`,
    'Disposition: manual-action/MDN-sent-manually; displayed',
  ];
  return render(
    {
      'Return-Path': '<>',
      'Authentication-Results': `${serverName}; dmarc=pass header.from=${mail.to.slice(mail.to.lastIndexOf('@') + 1)}`,
      From: mail.to,
      To: mail.from,
      Subject: encodeWords(`Read: ${mail.subject}`),
      Date: toDate(at),
      'Message-ID': messageId,
      'Auto-Submitted': 'auto-replied',
    },
    [
      { headers: { 'Content-Type': 'text/plain' }, body: 'The email was displayed.' },
      { headers: { 'Content-Type': 'message/disposition-notification' }, body: notification.join('\r\n') },
      { headers: { 'Content-Type': 'text/rfc822-headers' }, body: toOriginalHeaders(mail) },
    ],
    'multipart/report; report-type=disposition-notification',
  );
}

function toOriginalHeaders({ messageId, from, to, subject }: ReceivedMail): string {
  return [`Message-ID: ${messageId}`, `From: ${from}`, `To: ${to}`, `Subject: ${encodeWords(subject)}`].join('\r\n');
}

function toFilePart({ name, contentType, data }: { name: string; contentType: string; data: Buffer }): MailParts {
  return {
    headers: {
      'Content-Type': `${contentType}; name="${name}"`,
      'Content-Transfer-Encoding': 'base64',
      'Content-Disposition': `attachment; filename="${name}"`,
    },
    body: (data.toString('base64').match(/.{1,76}/g) ?? []).join('\r\n'),
  };
}

const boundary = '----=_Sandbox_Part';

function render(headers: Record<string, string>, parts: readonly MailParts[], body = '', type = 'multipart/mixed'): string {
  if (parts.length === 0) return `${toLines({ 'MIME-Version': '1.0', ...headers })}\r\n\r\n${toCrlf(body)}\r\n`;
  const inner = parts.map((part) => `--${boundary}\r\n${toLines(part.headers)}\r\n\r\n${toCrlf(part.body)}\r\n`).join('');
  const outer = { 'MIME-Version': '1.0', ...headers, 'Content-Type': `${type}; boundary="${boundary}"` };
  return `${toLines(outer)}\r\n\r\n${inner}--${boundary}--\r\n`;
}

function toLines(headers: Record<string, string>): string {
  return Object.entries(headers)
    .map(([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, ' ')}`)
    .join('\r\n');
}

function toCrlf(text: string): string {
  return text.replace(/\r?\n/g, '\r\n');
}

function toDate(at: number): string {
  return new Date(at).toUTCString().replace('GMT', '+0000');
}

/** Encodes a header that is not ASCII (RFC 2047). */
function encodeWords(text: string): string {
  return /^[\x20-\x7e]*$/.test(text) ? text : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
}
