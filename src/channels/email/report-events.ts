import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { parseOwnMessageId } from '../mail/message-id.ts';
import type { FailureClass, MailReport, ReportedRecipient } from './bounces/mail-report.ts';
import { listReportIds } from './bounces/report-ids.ts';

type ReportReceipt = Pick<ReceiptContent, 'messageId' | 'externalId'>;

const envelopeId = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:-\d{1,16})?$/i;

/**
 * Finds the message of ours that a report is about: by an id that we made, which holds a random part, else by the id that the server gave the
 * returned mail. A report without either changes no message, whichever recipient it names.
 */
export function findReportedMessage(report: MailReport): ReportReceipt | null {
  for (const { id, source } of listReportIds(report)) {
    const messageId = source === 'envelope_id' && envelopeId.test(id) ? id.slice(0, 36).toLowerCase() : parseOwnMessageId(id);
    if (messageId !== undefined) return { messageId };
  }
  const externalId = report.ids.originalMessageId;
  return externalId === undefined ? null : { externalId };
}

const failureTexts: Readonly<Record<FailureClass, string>> = {
  invalid_recipient: 'There is no such mailbox.',
  mailbox_full: 'The mailbox is full.',
  blocked: 'The receiving server blocks the sender.',
  policy: 'A rule of the receiving server refuses the email.',
  content: 'The receiving server refuses the content.',
  network: 'The receiving server was not reached.',
  other: 'The email came back.',
};

/**
 * Reads a report about a message of ours as receipts. A delay is none. An automatic response proves the delivery; a read receipt counts where a
 * person’s program showed the email.
 */
export function toReportEvents(report: MailReport, message: ReportReceipt, occurredAt: Date | undefined): ChannelEvent[] {
  const toReceipt = (receipt: Pick<ReceiptContent, 'state' | 'recipient' | 'error'>): ChannelEvent => ({
    kind: 'receipt',
    receipt: { ...message, occurredAt, ...receipt },
  });
  switch (report.kind) {
    case 'dsn':
      return report.recipients.flatMap((row) => {
        const recipient = row.address ?? undefined;
        if (row.action === 'delivered') return [toReceipt({ state: 'delivered', recipient })];
        return row.action === 'failed' ? [toReceipt({ state: 'failed', recipient, error: toError(row) })] : [];
      });
    case 'read':
      return report.isDisplayed ? [toReceipt({ state: 'read', recipient: report.recipient ?? undefined })] : [];
    case 'auto_reply':
      return [toReceipt({ state: 'delivered', recipient: report.sender ?? undefined })];
    default:
      return [];
  }
}

function toError(row: ReportedRecipient): { code: string; message: string } {
  const text = failureTexts[row.class];
  return { code: row.status ?? row.class, message: row.diagnostic ? truncate(`${text} (${row.diagnostic})`) : text };
}
