import { formatCount } from '../../core/format-count.ts';
import { recipientNotes } from '../model/recipients.ts';
import type { MessageState } from '../model/state.ts';
import type { MessageWithHistory } from './list-messages.ts';

/** One event in the history of a message, for any language: `type` names its text, the other members are the values in it. */
export interface TimelineEvent {
  at: Date;
  event: 'received' | 'attempt_begun' | 'attempt_ended' | 'receipt' | 'report' | 'passed';
  type: TimelineEventType;
  /** State of a receipt or a report. */
  state: MessageState | null;
  /** Recipient of a receipt that is of one recipient alone. */
  recipient: string | null;
  /** Reason of the result. */
  why: { code: string | null; message: string } | null;
  /** Response of the vendor, truncated and redacted. */
  response: string | null;
  /** Number of repeats of a receipt. */
  repeats: number;
  /** HighLevel's id of the call; its support asks for it. */
  traceId: string | null;
}

/** What can be said, in English. The pages have the same in every language, by the same names. */
export const eventTexts = {
  received: 'Received from the CRM',
  test_wanted: 'Test message requested',
  received_inbound: 'Received from {channel}',
  sending: 'Sending to {channel}',
  accepted: '{channel} accepted it',
  delivered: '{channel} delivered it',
  rejected: '{channel} rejected it',
  unavailable: '{channel} was temporarily unavailable',
  connection_error: '{channel} refused the account: the channel is on hold',
  unknown: 'Delivery unknown: {channel} did not confirm it',
  receipt: '{channel} reported: {state}',
  receipt_of: '{channel} reported for {recipient}: {state}',
  recipient_accepted: '{channel} accepted it for {recipient}',
  delayed: 'Delayed: the receiving server has not taken it yet',
  delayed_of: 'Delayed for {recipient}: the receiving server has not taken it yet',
  no_bounce: 'No bounce came in time: it counts as delivered',
  no_bounce_of: 'No bounce came in time: it counts as delivered to {recipient}',
  reported: 'Reported “{state}” to the CRM',
  not_reported: 'Could not report “{state}” to the CRM',
  posted: 'Posted to the conversation',
  not_posted: 'Could not post to the conversation',
  passed: 'Delayed: later messages of this contact go first',
} as const satisfies Record<string, string>;

export type TimelineEventType = keyof typeof eventTexts;

/** Builds the events of a message's history, oldest first. */
export function buildTimeline(message: MessageWithHistory): TimelineEvent[] {
  const isOutbound = message.direction === 'outbound';
  const blank = { state: null, recipient: null, why: null, response: null, repeats: 0, traceId: null };
  const firstType: TimelineEventType = isOutbound ? (message.isTest ? 'test_wanted' : 'received') : 'received_inbound';
  const events: TimelineEvent[] = [
    ...(message.isFirstPart ? [{ ...blank, at: message.createdAt, event: 'received' as const, type: firstType }] : []),
    ...message.attempts.flatMap((attempt): TimelineEvent[] => [
      { ...blank, at: attempt.startedAt, event: 'attempt_begun', type: 'sending' },
      ...(attempt.endedAt
        ? [
            {
              ...blank,
              at: attempt.endedAt,
              event: 'attempt_ended' as const,
              type: attempt.outcome ?? 'unknown',
              why: toReason(attempt),
              response: attempt.response,
            },
          ]
        : []),
    ]),
    ...message.receipts.map(
      (receipt): TimelineEvent => ({
        ...blank,
        at: receipt.receivedAt,
        event: 'receipt',
        type: toReceiptType(receipt),
        state: receipt.state,
        recipient: receipt.recipient,
        repeats: receipt.repeatCount,
        why: toReason(receipt),
      }),
    ),
    ...message.reports.map(({ attemptedAt, accepted, state, response, traceId }): TimelineEvent => {
      const type = isOutbound ? (accepted ? 'reported' : 'not_reported') : accepted ? 'posted' : 'not_posted';
      const why = accepted ? null : { code: null, message: response ?? 'no response' };
      return { ...blank, at: attemptedAt, event: 'report', type, state, why, traceId };
    }),
    ...(message.outOfOrderAt && message.isPassedInPart
      ? [{ ...blank, at: message.outOfOrderAt, event: 'passed' as const, type: 'passed' as const }]
      : []),
  ];
  return events.sort((a, b) => a.at.getTime() - b.at.getTime());
}

export function toEnglishText({
  type,
  state,
  recipient,
  why,
  repeats,
}: Omit<TimelineEvent, 'at' | 'event' | 'response' | 'traceId'>): string {
  const because = why ? `: ${why.message}${why.code ? ` (${why.code})` : ''}` : '.';
  const repetition = repeats > 0 ? ` Repeated ${formatCount(repeats, 'time')}.` : '';
  const sentence = eventTexts[type]
    .replace('{channel}', 'the channel')
    .replace('{recipient}', recipient ?? '')
    .replace('{state}', state ?? '');
  return `${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}${because}${repetition}`;
}

/** Finds the text of a receipt: a note is none of the vendor’s words, nor is the end of a quiet period. */
function toReceiptType({ code, recipient }: { code: string | null; recipient: string | null }): TimelineEventType {
  if (code === recipientNotes.accepted) return 'recipient_accepted';
  const kind = code === recipientNotes.delayed ? 'delayed' : code === 'no_bounce' ? 'no_bounce' : 'receipt';
  return recipient === null ? kind : `${kind}_of`;
}

function toReason({ code, reason }: { code: string | null; reason: string | null }): TimelineEvent['why'] {
  return reason ? { code, message: reason } : null;
}
