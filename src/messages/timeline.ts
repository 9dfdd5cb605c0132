import type { MessageWithHistory } from './log.ts';
import type { MessageState } from './state.ts';

/** Something that happened to a message, for any language: `says` names the sentence, the rest is what stands in it and behind it. */
export interface Happening {
  at: Date;
  event: 'received' | 'attempt_begun' | 'attempt_ended' | 'receipt' | 'report' | 'passed';
  says: Saying;
  /** What was said or reported. */
  state: MessageState | null;
  /** Of whom alone it was said. */
  recipient: string | null;
  /** Why it ended so. */
  why: { code: string | null; message: string } | null;
  /** What the far side answered, trimmed and redacted. */
  answer: string | null;
  /** How often it was said once more. */
  repeats: number;
  /** HighLevel's name for the call; its support asks for it. */
  traceId: string | null;
}

/** What can be said, in English. The pages have the same in every language, by the same names. */
export const sentences = {
  received: 'Received from the CRM',
  test_wanted: 'Test message asked for',
  answered: 'Received from the far side',
  sending: 'Sending to the far side',
  accepted: 'The far side accepted it',
  delivered: 'The far side delivered it',
  refused: 'The far side refused it',
  busy: 'The far side could not take it now',
  unknown: 'It is not known whether the far side got it',
  receipt: 'The far side says: {state}',
  receipt_of: 'The far side says of {recipient}: {state}',
  reported: 'Reported “{state}” to the CRM',
  not_reported: 'Could not report “{state}” to the CRM',
  posted: 'Posted into the conversation',
  not_posted: 'Could not post into the conversation',
  passed: 'Kept failing, so later messages of this contact go ahead of it',
} as const satisfies Record<string, string>;

export type Saying = keyof typeof sentences;

/** Everything that happened to a message, oldest first. */
export function timelineOf(message: MessageWithHistory): Happening[] {
  const isOutbound = message.direction === 'outbound';
  const nothing = { state: null, recipient: null, why: null, answer: null, repeats: 0, traceId: null };
  const begin: Saying = isOutbound ? (message.isTest ? 'test_wanted' : 'received') : 'answered';
  const happened: Happening[] = [
    ...(message.isFirstPart ? [{ ...nothing, at: message.createdAt, event: 'received' as const, says: begin }] : []),
    ...message.attempts.flatMap((attempt): Happening[] => [
      { ...nothing, at: attempt.begunAt, event: 'attempt_begun', says: 'sending' },
      ...(attempt.endedAt
        ? [
            {
              ...nothing,
              at: attempt.endedAt,
              event: 'attempt_ended' as const,
              says: attempt.outcome ?? 'unknown',
              why: whyOf(attempt),
              answer: attempt.answer,
            },
          ]
        : []),
    ]),
    ...message.receipts.map(
      (receipt): Happening => ({
        ...nothing,
        at: receipt.receivedAt,
        event: 'receipt',
        says: receipt.recipient ? 'receipt_of' : 'receipt',
        state: receipt.state,
        recipient: receipt.recipient,
        repeats: receipt.repeats,
        why: whyOf(receipt),
      }),
    ),
    ...message.reports.map(({ triedAt, accepted, state, answer, traceId }): Happening => {
      const says = isOutbound ? (accepted ? 'reported' : 'not_reported') : accepted ? 'posted' : 'not_posted';
      const why = accepted ? null : { code: null, message: answer ?? 'no answer' };
      return { ...nothing, at: triedAt, event: 'report', says, state, why, traceId };
    }),
    ...(message.passedAt && message.isPassedInPart
      ? [{ ...nothing, at: message.passedAt, event: 'passed' as const, says: 'passed' as const }]
      : []),
  ];
  return happened.sort((a, b) => a.at.getTime() - b.at.getTime());
}

export function inEnglish({
  says,
  state,
  recipient,
  why,
  repeats,
}: Omit<Happening, 'at' | 'event' | 'answer' | 'traceId'>): string {
  const because = why ? `: ${why.message}${why.code ? ` (${why.code})` : ''}` : '.';
  const again = repeats > 0 ? ` Repeated ${repeats} times.` : '';
  return `${sentences[says].replace('{recipient}', recipient ?? '').replace('{state}', state ?? '')}${because}${again}`;
}

function whyOf({ code, reason }: { code: string | null; reason: string | null }): Happening['why'] {
  return reason ? { code, message: reason } : null;
}
