import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, WorkflowPause, WorkflowSend } from '../database/client.ts';
import type { Decision } from './decide-outcome.ts';

/** A waiting workflow that this process looks at until `claimedUntil`. */
export type ClaimedPause = WorkflowPause & { send: WorkflowSend; claimedUntil: Date };

/** Longer than the calls of one look take: after this, another process takes over the rows of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 100;
/** One location's flood leaves room for others. */
const maxPerLocation = 10;

/** Claims the waiting workflows that have been due longest, some of each location. */
export async function claimDuePauses({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedPause[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRaw<{ id: string }[]>`
    UPDATE workflow_pauses SET due_at = ${claimedUntil}
    WHERE id IN (SELECT id FROM workflow_pauses WHERE id IN (
        SELECT id FROM (
          SELECT id, due_at, row_number() OVER (PARTITION BY location_id ORDER BY due_at, id) AS ordinal FROM (
            SELECT id, location_id, due_at FROM workflow_pauses WHERE due_at <= ${now} ORDER BY due_at LIMIT 2000) AS due) AS shared
        WHERE ordinal <= ${maxPerLocation} ORDER BY due_at LIMIT ${maxClaimed})
      AND due_at <= ${now} ORDER BY id FOR UPDATE SKIP LOCKED)
    RETURNING id`;
  if (rows.length === 0) return [];
  const pauses = await db.client.workflowPause.findMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    include: { send: true },
  });
  return pauses.map((pause) => ({ ...pause, claimedUntil }));
}

/** Ends a look at a workflow that has to wait. A row that a message has made due meanwhile stays due. */
export async function keepWaiting(db: Database, { id, claimedUntil, timeoutAt }: ClaimedPause): Promise<void> {
  await db.client.workflowPause.updateMany({ where: { id, dueAt: claimedUntil, outcome: null }, data: { dueAt: timeoutAt } });
}

/** Stores the branch of a workflow before it is resumed, so that each try to resume it names the same one. */
export async function storeDecision(db: Database, { id }: ClaimedPause, decision: Decision): Promise<boolean> {
  const { outcome, ...result } = decision;
  const { count } = await db.client.workflowPause.updateMany({ where: { id, outcome: null }, data: { outcome, result } });
  return count > 0;
}

/** Ends a pause: its workflow is resumed, or cannot be. */
export async function endPause(db: Database, { id }: ClaimedPause, resumedAt: Date | null): Promise<void> {
  await db.client.workflowPause.updateMany({ where: { id }, data: { dueAt: null, resumedAt } });
}

/** Plans the next try to resume a workflow. */
export async function retryPause(
  db: Database,
  { id, claimedUntil, errorCount }: ClaimedPause,
  dueAt: Date,
  hasFailed: boolean,
): Promise<void> {
  await db.client.workflowPause.updateMany({
    where: { id, dueAt: claimedUntil },
    data: { dueAt, errorCount: errorCount + (hasFailed ? 1 : 0) },
  });
}
