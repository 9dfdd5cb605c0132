import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, WorkflowPause, WorkflowSend } from '../database/client.ts';
import { buildClaimDueSql } from '../database/due-by-location.ts';
import type { Decision } from './decide-outcome.ts';

/** A waiting workflow that this process looks at until `claimedUntil`. */
export type ClaimedPause = WorkflowPause & { send: WorkflowSend; claimedUntil: Date };

/** Longer than the calls of one look take: after this, another process takes over the rows of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const claimSql = buildClaimDueSql({ table: 'workflow_pauses', maxClaimed: 100, maxPerLocation: 10 });

/** Claims waiting workflows that are due, of each location those that have been due longest. */
export async function claimDuePauses({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedPause[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRawUnsafe<{ id: string }[]>(claimSql, claimedUntil, now);
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
