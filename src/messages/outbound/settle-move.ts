import { keepPending } from '../model/transitions.ts';
import type { Placement, RecordPlace } from '../routing/place-message.ts';
import type { Settlement } from '../settlement/settlement.ts';

/** Moves the job to the group of the chosen connection, with what was decided. */
export function settleMove({
  groupKey,
  dueAt,
  record,
  reason,
}: Extract<Placement, { move: object }>['move']): Partial<Settlement> {
  return {
    beforeWrite: record,
    change: (current) => (reason ? keepPending(current, reason, { nextAttemptAt: dueAt }) : {}),
    runAgainAt: (current) => (current.state === 'pending' ? dueAt : null),
    groupKey,
  };
}

/** Runs the writes of a settlement behind those of a decision. */
export function withRecord({ beforeWrite }: Partial<Settlement>, record: RecordPlace): Settlement['beforeWrite'] {
  return async (tx) => {
    await record(tx);
    return beforeWrite?.(tx);
  };
}
