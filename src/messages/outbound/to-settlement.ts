import { getReason, type Reason } from '../model/reasons.ts';
import { keepPending, type LockedMessage, type MessagePatch, transitionTo } from '../model/transitions.ts';
import type { Settlement } from '../settlement/settlement.ts';
import type { NextStep } from './next-step.ts';

/** A send that waits, mostly without using up a retry: the cause is not the message. */
export interface Deferral {
  readonly at: Date;
  readonly reason: Reason;
  /** It uses up a retry of the schedule. */
  readonly isRetry?: boolean;
  /** It no longer holds back the contact's later messages. */
  readonly letsOthersPass?: boolean;
  /** The time of its job, where that is earlier than `at`: its group is paused until then, or a setting that changes may end the wait. */
  readonly dueAt?: Date;
}

export type DeliverStep = NextStep | ({ readonly do: 'defer' } & Deferral);

/** Returns the step of a message that is not attempted now: it waits, or it fails. */
export function toStep(decision: { wait: Deferral } | { rejected: Reason }): DeliverStep {
  return 'wait' in decision
    ? { do: 'defer', ...decision.wait }
    : { do: 'complete', state: 'failed', reason: decision.rejected };
}

export interface DeliverFacts {
  readonly now: Date;
  /** The connection that was used; null where the message got no route. */
  readonly connectionId: string | null;
  /** An earlier attempt may have reached the contact. */
  readonly mayHaveArrived: boolean;
}

type DeliverSettlement = Pick<Settlement, 'runAgainAt' | 'letsOthersPass'> & Required<Pick<Settlement, 'change'>>;

/**
 * Builds what a step of `deliver` writes. Pure. A receipt may have moved the message during the send; then only the job is finished.
 *
 * Holds the message for review instead of failing it when an earlier attempt may have reached the contact. `failed` is never reported for
 * a message that may have been delivered.
 */
export function toSettlement(step: DeliverStep, facts: DeliverFacts): DeliverSettlement {
  const withConnection = (patch: MessagePatch) =>
    facts.connectionId === null ? patch : { connectionId: facts.connectionId, ...patch };
  const hold = (current: LockedMessage, reason: Reason) =>
    withConnection(keepPending(current, reason, { heldForReviewAt: facts.now, nextAttemptAt: null }));
  const retry = ({ at, reason, isRetry = false, dueAt = at }: Deferral): DeliverSettlement => ({
    change: (current) => {
      const retryCount = current.retryCount + (isRetry ? 1 : 0);
      return withConnection(keepPending(current, reason, { nextAttemptAt: at, retryCount }));
    },
    runAgainAt: (current) => (current.state === 'pending' ? dueAt : null),
  });

  switch (step.do) {
    case 'complete': {
      if (step.state === 'delivered') return { change: (current) => withConnection(transitionTo(current, 'delivered')) };
      const { reason } = step;
      if (facts.mayHaveArrived) return { change: (current) => hold(current, reason) };
      return { change: (current) => withConnection(transitionTo(current, 'failed', reason)) };
    }
    case 'await_receipt': {
      const reason = getReason('awaiting_receipt');
      return { change: (current) => withConnection(keepPending(current, reason, { nextAttemptAt: null })) };
    }
    case 'hold_for_review':
      return { change: (current) => hold(current, step.reason) };
    case 'retry':
      return retry({ ...step, isRetry: !step.isFree });
    case 'await_connection':
      // Its group is paused: the job runs when the pause ends.
      return retry({ at: facts.now, reason: step.reason, dueAt: facts.now });
    case 'confirm':
      // It was probably sent: later messages of the contact do not wait for the proof.
      return { ...retry({ at: step.at, reason: getReason('confirming_send') }), letsOthersPass: true };
    case 'defer':
      return { ...retry(step), letsOthersPass: step.letsOthersPass === true };
  }
}
