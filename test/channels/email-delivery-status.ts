import type { MailReport } from '../../src/channels/email/bounces/mail-report.ts';
import { readMailReport } from '../../src/channels/email/bounces/read-mail-report.ts';

/** Reads a mail of these lines. */
export const read = (lines: readonly string[]) => readMailReport(Buffer.from(lines.join('\r\n')));

/** Writes a delivery status as Postfix does, to an address with a token. */
export function writeStatus(
  fields: readonly string[],
  original: readonly string[] = ['Message-ID: <m1.a1b2c3@shop.example>'],
): string[] {
  return [
    ...['From: MAILER-DAEMON@mx.example (Mail Delivery System)', 'Return-Path: <>', 'To: shop+b0123@shop.example'],
    ...['Subject: Undelivered Mail', 'Auto-Submitted: auto-replied', 'MIME-Version: 1.0'],
    ...['Content-Type: multipart/report; report-type=delivery-status; boundary="b"', ''],
    ...['--b', 'Content-Type: text/plain', '', 'I am sorry to have to inform you.', ''],
    ...[
      '--b',
      'Content-Type: message/delivery-status',
      '',
      'Reporting-MTA: dns; mx.example',
      'Original-Envelope-Id: env-77',
      '',
      ...fields,
      '',
    ],
    ...['--b', 'Content-Type: text/rfc822-headers', '', ...original, 'To: ann@inbox.example', '', '--b--', ''],
  ];
}

/** Fields of a recipient that failed. */
export const failed = [
  'Final-Recipient: rfc822; ann@inbox.example',
  'Action: failed',
  'Status: 5.1.1',
  'Diagnostic-Code: smtp; 550 5.1.1 unknown',
];

/** Returns the recipients of a delivery status; fails for other reports. */
export function getRecipients(report: MailReport) {
  if (report.kind !== 'dsn') throw new Error(`It is ${report.kind}.`);
  return report.recipients;
}
