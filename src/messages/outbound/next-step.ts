import type { SendOutcome } from '../../channels/channel.ts';
import type { Reason } from '../model/reasons.ts';

export interface AttemptFacts {
  now: Date;
  /** The next delay of the schedule; null when it is used up. */
  nextDelayMs: number | null;
  /** The vendor sends receipts. */
  hasReceipts: boolean;
  /** The policy for a message that the vendor may or may not have accepted. */
  unknownOutcomePolicy: 'resend' | 'ask';
}

/** The step that follows an attempt. */
export type NextStep =
  | { do: 'await_receipt' }
  | { do: 'complete'; state: 'delivered' }
  | { do: 'complete'; state: 'failed'; reason: Reason }
  | { do: 'retry'; at: Date; reason: Reason }
  | { do: 'hold_for_review'; reason: Reason };

/** Decides what follows an attempt. Pure: time and schedule are parameters. */
export function decideNextStep(outcome: SendOutcome, facts: AttemptFacts): NextStep {
  const computeRetryAt = (atLeastMs: number): Date | null =>
    facts.nextDelayMs === null ? null : new Date(facts.now.getTime() + Math.max(facts.nextDelayMs, atLeastMs));

  switch (outcome.kind) {
    case 'accepted':
      return facts.hasReceipts ? { do: 'await_receipt' } : { do: 'complete', state: 'delivered' };
    case 'delivered':
      return { do: 'complete', state: 'delivered' };
    case 'rejected':
      return { do: 'complete', state: 'failed', reason: toReason(outcome) };
    case 'unavailable': {
      const at = computeRetryAt(outcome.retryAfterMs ?? 0);
      const reason = toReason(outcome);
      return at ? { do: 'retry', at, reason } : { do: 'complete', state: 'failed', reason };
    }
    case 'unknown': {
      const at = facts.unknownOutcomePolicy === 'resend' ? computeRetryAt(0) : null;
      const reason = toReason(outcome);
      // Never `failed`: the message may have arrived, and an untrue status is never reported.
      return at ? { do: 'retry', at, reason } : { do: 'hold_for_review', reason };
    }
  }
}

function toReason({ code, message }: Reason): Reason {
  return { code, message };
}
