import type { SendOutcome } from '../../channels/channel.ts';

/** Why a message failed or waits: a code for programs, a sentence for people. */
export interface Reason {
  code: string;
  message: string;
}

export interface AttemptFacts {
  now: Date;
  /** The schedule's next wait; null when it is used up. */
  nextDelayMs: number | null;
  /** The far side says later what became of a message. */
  hasReceipts: boolean;
  /** What to do when nobody knows whether it was sent. */
  unknownOutcomePolicy: 'resend' | 'ask';
}

/** What follows an attempt. */
export type NextStep =
  | { do: 'await_receipt' }
  | { do: 'complete'; state: 'delivered' }
  | { do: 'complete'; state: 'failed'; reason: Reason }
  | { do: 'retry'; at: Date; reason: Reason }
  | { do: 'hold_for_review'; reason: Reason };

/** Decides what follows an attempt. Pure: time and schedule come in, nothing goes out. */
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
      // Never `failed` here: the message may well have arrived, and no status of ours is untrue.
      return at ? { do: 'retry', at, reason } : { do: 'hold_for_review', reason };
    }
  }
}

function toReason({ code, message }: Reason): Reason {
  return { code, message };
}
