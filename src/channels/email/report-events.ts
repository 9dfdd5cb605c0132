import { truncate } from '../../core/sanitize.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { parseOwnKey, parseOwnMessageId } from '../mail/message-id.ts';
import { mailOptOutReasons } from '../mail/opt-out-reasons.ts';
import type { FailureClass, MailReport, ReportedRecipient } from './bounces/mail-report.ts';
import { listReportIds } from './bounces/report-ids.ts';

type ReportReceipt = Pick<ReceiptContent, 'messageId' | 'externalId'>;
type ReportContent = Pick<ReceiptContent, 'state' | 'recipient' | 'error' | 'evidence' | 'triesUntil'>;

/**
 * Finds the message of ours that a report is about: by an id that we made, which holds a random part, else by the id that the server gave the
 * returned mail. A report without either changes no message, whichever recipient it names.
 */
export function findReportedMessage(report: MailReport): ReportReceipt | null {
  for (const { id, source } of listReportIds(report)) {
    const messageId = (source === 'envelope_id' ? parseOwnKey(id) : undefined) ?? parseOwnMessageId(id);
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
 * Reads a report about a message of ours as receipts. An automatic response proves the delivery; a read receipt counts where a person’s program
 * showed the email.
 */
export function toReportEvents(report: MailReport, message: ReportReceipt, occurredAt: Date | undefined): ChannelEvent[] {
  if (report.kind === 'complaint') return toOptOuts(report, message, occurredAt);
  return listReceipts(report).map((content) => ({ kind: 'receipt', receipt: { ...message, occurredAt, ...content } }));
}

function listReceipts(report: MailReport): ReportContent[] {
  switch (report.kind) {
    case 'dsn':
      return report.recipients.flatMap((row) => toReceipt(row) ?? []);
    case 'read':
      return report.isDisplayed
        ? [{ state: 'read', recipient: report.recipient ?? undefined, evidence: evidence.read_receipt }]
        : [];
    case 'auto_reply':
      return [{ state: 'delivered', recipient: report.sender ?? undefined, evidence: evidence.auto_reply }];
    default:
      return [];
  }
}

const optOutReasons: Readonly<Record<string, string>> = {
  abuse: mailOptOutReasons.complaint,
  'opt-out': mailOptOutReasons.unsubscribed,
  'opt-out-list': mailOptOutReasons.unsubscribed,
};

/** Reads a complaint as the opt-out of its recipients, whom most reporters hide: then of the email’s only one. Other feedback is none. */
function toOptOuts(
  { feedbackType, recipients }: Extract<MailReport, { kind: 'complaint' }>,
  ofMessage: ReportReceipt,
  occurredAt: Date | undefined,
): ChannelEvent[] {
  const reason = optOutReasons[feedbackType];
  if (reason === undefined) return [];
  const addresses = recipients.length > 0 ? recipients : [null];
  return addresses.map((address) => ({
    kind: 'opt_out',
    optOut: { address, ofMessage, optedOut: true, category: 'all', reason, occurredAt },
  }));
}

const evidence = {
  delivery_report: { code: 'delivery_report', message: 'The receiving mail server has reported the delivery.' },
  read_receipt: { code: 'read_receipt', message: 'The contact’s mail program has sent a read receipt.' },
  auto_reply: { code: 'auto_reply', message: 'The contact’s mailbox has sent an automatic reply.' },
} as const;

/** Reads what a delivery report says of one recipient. @returns null for a server that has passed the email on, which proves no delivery */
function toReceipt(row: ReportedRecipient): ReportContent | null {
  const recipient = row.address ?? undefined;
  switch (row.action) {
    case 'delivered':
      return { state: 'delivered', recipient, evidence: evidence.delivery_report };
    case 'failed':
      return { state: 'failed', recipient, error: toError(row) };
    case 'delayed': {
      const text = 'The receiving server has not taken the email yet; the mail server tries again.';
      const message = row.diagnostic ? truncate(`${text} (${row.diagnostic})`) : text;
      return { state: 'delayed', recipient, evidence: { code: 'delayed', message }, triesUntil: row.retriesUntil };
    }
    default:
      return null;
  }
}

function toError(row: ReportedRecipient): { code: string; message: string } {
  const text = failureTexts[row.class];
  return { code: row.status ?? row.class, message: row.diagnostic ? truncate(`${text} (${row.diagnostic})`) : text };
}
