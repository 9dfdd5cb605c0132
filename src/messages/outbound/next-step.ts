import type { SendOutcome } from '../../channels/channel.ts';
import type { Reason } from '../model/reasons.ts';

export interface AttemptFacts {
  now: Date;
  /** The next delay of the schedule; null when it is used up. */
  nextDelayMs: number | null;
  /** Shortest delay while the vendor limits the account as a whole, which uses up no retry; null when that has lasted too long. */
  limitDelayMs: number | null;
  /** The vendor sends receipts. */
  hasReceipts: boolean;
  /** A person waits for the result: it is not retried. */
  isTest: boolean;
  /** The policy for a message that the vendor may or may not have accepted. */
  unknownOutcomePolicy: 'resend' | 'ask';
  /** Time of the first check whether the vendor has accepted such a message, before the policy applies; null when that cannot be found out. */
  confirmAt: Date | null;
}

/** The step that follows an attempt. */
export type NextStep =
  | { do: 'await_receipt' }
  | { do: 'complete'; state: 'delivered' }
  | { do: 'complete'; state: 'failed'; reason: Reason }
  /** `isFree`: it uses up no retry of the schedule, as the cause is not the message. */
  | { do: 'retry'; at: Date; reason: Reason; isFree?: boolean }
  /** Nothing was sent: the account or its credentials are refused. */
  | { do: 'await_connection'; reason: Reason }
  /** Finds out later whether it was sent. */
  | { do: 'confirm'; at: Date; reason: Reason }
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
      const reason = toReason(outcome);
      const { retryAfterMs = 0, isConnectionWide = false } = outcome;
      if (isConnectionWide && facts.limitDelayMs !== null && facts.nextDelayMs !== null) {
        const delayMs = Math.max(facts.limitDelayMs, retryAfterMs);
        return { do: 'retry', at: new Date(facts.now.getTime() + delayMs), reason, isFree: true };
      }
      const at = computeRetryAt(retryAfterMs);
      return at ? { do: 'retry', at, reason } : { do: 'complete', state: 'failed', reason };
    }
    case 'connection_error':
      return facts.isTest
        ? { do: 'complete', state: 'failed', reason: toReason(outcome) }
        : { do: 'await_connection', reason: toReason(outcome) };
    case 'unknown': {
      if (facts.confirmAt) return { do: 'confirm', at: facts.confirmAt, reason: toReason(outcome) };
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
