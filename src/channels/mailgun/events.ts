import { AppError } from '../../core/errors.ts';
import { toObject } from '../../core/foreign.ts';
import type { ChannelEvent, ReceiptContent } from '../channel.ts';
import { parseRecipients } from '../mail/addresses.ts';
import { parseOwnMessageId } from '../mail/message-id.ts';
import { mailOptOutReasons } from '../mail/opt-out-reasons.ts';
import type { MailgunConfig } from './config.ts';
import { describeFailure, type Suppression } from './errors.ts';
import { type EventRecord, readEvent } from './records.ts';

/**
 * Reads the webhook of an event: a receipt of one recipient, an opt-out where the contact has complained or unsubscribed, or no event for
 * what is no news.
 *
 * @throws AppError `payload_invalid`: no event, or none of a message
 */
export function readEventWebhook(fields: Record<string, unknown>, config: Pick<MailgunConfig, 'openedIsRead'>): ChannelEvent[] {
  const event = readEvent(toObject(fields['event-data']));
  if (event.event === undefined) {
    throw new AppError('payload_invalid', 'This is no event of Mailgun.', { details: ['event-data.event: is needed'] });
  }
  if (event.isRouted) return [];
  const receipt = toReceipt(event, config.openedIsRead);
  const suppression = findSuppression(event);
  return [
    ...(receipt ? [{ kind: 'receipt' as const, receipt }] : []),
    ...(suppression && event.recipient ? [toOptOut(event, event.recipient, suppression)] : []),
  ];
}

/** Converts an event to a receipt. @returns null for an event that changes no state */
export function toReceipt(event: EventRecord, openedIsRead: boolean): ReceiptContent | null {
  const { externalId } = event;
  const messageId = externalId === undefined ? undefined : parseOwnMessageId(externalId);
  const state = toState(event, openedIsRead);
  // Events of the domain come for the emails of other programs too.
  if (messageId === undefined || state === null) return null;
  return {
    ...{ messageId, externalId, state, recipient: findRecipient(event), occurredAt: event.at },
    ...(state === 'failed' ? { error: toError(event) } : {}),
  };
}

function toState(event: EventRecord, openedIsRead: boolean): ReceiptContent['state'] | null {
  switch (event.event) {
    case 'delivered':
      return 'delivered';
    case 'failed':
      // Mailgun continues to try after a temporary failure.
      return event.severity === 'temporary' ? null : 'failed';
    case 'rejected':
      return 'failed';
    case 'opened':
      return openedIsRead && !event.isBot ? 'read' : null;
    case 'accepted':
      // It proves a send whose response was lost.
      return 'accepted';
    default:
      return null;
  }
}

/** Returns the recipient of an event. A rejection names none; where the email had one, it is that one. */
function findRecipient({ recipient, to }: EventRecord): string | undefined {
  if (recipient !== undefined || to === undefined) return recipient;
  const { mailboxes } = parseRecipients(to);
  return mailboxes.length === 1 ? mailboxes[0]?.address : undefined;
}

function toError(event: EventRecord): { code: string; message: string } {
  const { code, message } = describeFailure(event);
  return { code, message };
}

function findSuppression(event: EventRecord): Suppression | undefined {
  if (event.event === 'complained' || event.event === 'unsubscribed') return event.event;
  return event.event === 'failed' ? describeFailure(event).suppression : undefined;
}

const reasons: Readonly<Record<Suppression, string>> = {
  complained: mailOptOutReasons.complaint,
  unsubscribed: mailOptOutReasons.unsubscribed,
};

/** Builds the opt-out of a contact. It is of all messages: Mailgun sends none of the domain to that address any more. */
function toOptOut(event: EventRecord, address: string, suppression: Suppression): ChannelEvent {
  const optOut = { address, optedOut: true, category: 'all' as const, occurredAt: event.at, reason: reasons[suppression] };
  return { kind: 'opt_out', optOut };
}
