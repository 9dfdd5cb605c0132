import type { SendOutcome } from '../channels/channel.ts';

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
  receipts: boolean;
  /** What to do when nobody knows whether it was sent. */
  whenUnknown: 'resend' | 'ask';
}

/** What follows an attempt. */
export type NextStep =
  | { do: 'wait for a receipt' }
  | { do: 'finish'; state: 'delivered' }
  | { do: 'finish'; state: 'failed'; reason: Reason }
  | { do: 'send again'; at: Date; reason: Reason }
  | { do: 'ask a person'; reason: Reason };

/** Decides what follows an attempt. Pure: time and schedule come in, nothing goes out. */
export function nextStep(outcome: SendOutcome, facts: AttemptFacts): NextStep {
  const again = (atLeastMs: number): Date | null =>
    facts.nextDelayMs === null ? null : new Date(facts.now.getTime() + Math.max(facts.nextDelayMs, atLeastMs));

  switch (outcome.kind) {
    case 'accepted':
      return facts.receipts ? { do: 'wait for a receipt' } : { do: 'finish', state: 'delivered' };
    case 'delivered':
      return { do: 'finish', state: 'delivered' };
    case 'refused':
      return { do: 'finish', state: 'failed', reason: reasonOf(outcome) };
    case 'busy': {
      const at = again(outcome.retryAfterMs ?? 0);
      const reason = reasonOf(outcome);
      return at ? { do: 'send again', at, reason } : { do: 'finish', state: 'failed', reason };
    }
    case 'unknown': {
      const at = facts.whenUnknown === 'resend' ? again(0) : null;
      const reason = reasonOf(outcome);
      // Never `failed` here: the message may well have arrived, and no status of ours is untrue.
      return at ? { do: 'send again', at, reason } : { do: 'ask a person', reason };
    }
  }
}

function reasonOf({ code, message }: Reason): Reason {
  return { code, message };
}
