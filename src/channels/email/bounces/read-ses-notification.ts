import { describeRecipient } from './classify-failure.ts';
import { type DeliveryAction, maxReport, type ReportedRecipient } from './mail-report.ts';
import { type ParsedMail, toAddress } from './parse-mail.ts';
import type { Complaint } from './read-complaint.ts';

export interface SesNotification {
  readonly complaint: Complaint | null;
  readonly recipients: readonly ReportedRecipient[];
  /** Message-ID and SES's own id of the mail. */
  readonly messageIds: readonly string[];
}

const sender = 'no-reply@sns.amazonaws.com';

type Json = Readonly<Record<string, unknown>>;

/** Bounces that SES won't try again; `Transient` ones it has stopped trying too, so each is a failure. */
const deliveryActions: Readonly<Record<string, DeliveryAction>> = {
  bounce: 'failed',
  deliverydelay: 'delayed',
  delivery: 'delivered',
};

/**
 * Reads a notification of Amazon SES that SNS sent by mail: JSON as the text, bare or within SNS's own. @returns null for other mail
 */
export function readSesNotification(mail: ParsedMail): SesNotification | null {
  if (mail.from !== sender) return null;
  const outer = parseObject(mail.text);
  const notice = parseObject(getText(outer, 'Message')) ?? outer;
  const kind = (getText(notice, 'notificationType') || getText(notice, 'eventType')).toLowerCase();
  const mailFields = getObject(notice, 'mail');
  const messageIds = [getText(mailFields, 'messageId'), getText(getObject(mailFields, 'commonHeaders'), 'messageId')].filter(
    Boolean,
  );
  if (kind === 'complaint') {
    const fields = getObject(notice, 'complaint');
    const recipients = getList(fields, 'complainedRecipients').map((row) => toAddress(getText(row, 'emailAddress')));
    const feedbackType = getText(fields, 'complaintFeedbackType') || 'abuse';
    return {
      complaint: { feedbackType, recipients: recipients.filter((address) => address !== null) },
      recipients: [],
      messageIds,
    };
  }
  const action = deliveryActions[kind];
  if (!action) return null;
  const recipients = kind === 'delivery' ? readDelivered(notice) : readFailed(notice, kind, action);
  return { complaint: null, recipients: recipients.slice(0, maxReport.recipients), messageIds };
}

function readDelivered(notice: Json | null): ReportedRecipient[] {
  const fields = getObject(notice, 'delivery');
  const list = Array.isArray(fields?.recipients) ? (fields.recipients as unknown[]) : [];
  return list
    .filter((address) => typeof address === 'string')
    .map((address) =>
      describeRecipient(toAddress(address), 'delivered', {
        status: '',
        diagnostic: getText(fields, 'smtpResponse'),
        context: '',
      }),
    );
}

function readFailed(notice: Json | null, kind: string, action: DeliveryAction): ReportedRecipient[] {
  const fields = getObject(notice, kind === 'bounce' ? 'bounce' : 'deliveryDelay');
  const rows = getList(fields, kind === 'bounce' ? 'bouncedRecipients' : 'delayedRecipients');
  return rows.map((row) =>
    describeRecipient(toAddress(getText(row, 'emailAddress')), action, {
      status: getText(row, 'status'),
      diagnostic: getText(row, 'diagnosticCode'),
      context: getText(fields, 'bounceSubType') || getText(fields, 'delayType'),
    }),
  );
}

/** Parses the JSON object with which a text begins; SNS adds lines for people below, and mail servers break its long lines with `!`. */
function parseObject(text: string): Json | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith('{')) return null;
  const end = trimmed.indexOf('\n--');
  const json = end > 0 ? trimmed.slice(0, end) : trimmed;
  for (const candidate of [json, json.replace(/!\r?\n /g, ''), trimmed]) {
    try {
      const value: unknown = JSON.parse(candidate);
      if (typeof value === 'object' && value !== null) return value as Json;
    } catch {
      // Not JSON: an ordinary mail may begin with a brace.
    }
  }
  return null;
}

function getText(value: Json | null, key: string): string {
  const text = value?.[key];
  return typeof text === 'string' ? text : '';
}

function getObject(value: Json | null, key: string): Json | null {
  const object = value?.[key];
  return typeof object === 'object' && object !== null ? (object as Json) : null;
}

function getList(value: Json | null, key: string): Json[] {
  const list = value?.[key];
  return Array.isArray(list) ? list.filter((row) => typeof row === 'object' && row !== null) : [];
}
