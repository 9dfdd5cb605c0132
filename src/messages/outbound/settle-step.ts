import type { WorkMessage } from '../model/message.ts';
import type { Settlement } from '../settlement/settlement.ts';
import { type AttemptFilter, mayHaveArrived } from './attempts.ts';
import { type DeliverStep, toSettlement } from './to-settlement.ts';

/** Builds the settlement of a step. A failure is decided under the message's lock, by the attempts that are stored then. */
export function settleStep(
  message: WorkMessage,
  step: DeliverStep,
  facts: { now: Date; connectionId: string | null },
  filter: AttemptFilter = {},
): Partial<Settlement> {
  if (step.do !== 'complete' || step.state !== 'failed') return toSettlement(step, { ...facts, mayHaveArrived: false });
  return {
    beforeWrite: async (tx) => toSettlement(step, { ...facts, mayHaveArrived: await mayHaveArrived(tx, message, filter) }),
  };
}
