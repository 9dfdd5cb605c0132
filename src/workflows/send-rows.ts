import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, Executor, WorkflowSend } from '../database/client.ts';
import { buildClaimDueSql } from '../database/due-by-location.ts';
import type { Reason } from '../messages/model/reasons.ts';

/** A send that this process works on until `claimedUntil`. */
export type ClaimedSend = WorkflowSend & { claimedUntil: Date };

/** Longer than the calls of one step take: after this, another process takes over the rows of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const claimSql = buildClaimDueSql({
  ...{ table: 'workflow_sends', maxClaimed: 50, maxPerLocation: 10 },
  condition: `NOT EXISTS (
            SELECT FROM workflow_sends earlier WHERE earlier.location_id = t.location_id AND earlier.contact_id = t.contact_id
              AND earlier.state IN ('reserved', 'posting') AND earlier.id < t.id)`,
});

/** Claims sends that are due: of each contact the oldest that has not ended, so that messages keep their order. */
export async function claimDueSends({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedSend[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRawUnsafe<{ id: string }[]>(claimSql, claimedUntil, now);
  if (rows.length === 0) return [];
  const sends = await db.client.workflowSend.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
  return sends.map((send) => ({ ...send, claimedUntil }));
}

/** Records that the request to HighLevel leaves now. @returns false when the claim is no longer this process's */
export async function markPosting(db: Database, { id, claimedUntil }: ClaimedSend, now: Date): Promise<boolean> {
  const { count } = await db.client.workflowSend.updateMany({
    where: { id, dueAt: claimedUntil, state: 'reserved' },
    data: { state: 'posting', postStartedAt: now, lookUpCount: 0, updatedAt: now },
  });
  return count > 0;
}

/** Ends a send that HighLevel has, under its message id. What waits for it looks again: the message may have a result already. */
export function endPosted(
  db: Database,
  { id }: Pick<WorkflowSend, 'id'>,
  highlevelMessageId: string,
  now: Date,
): Promise<void> {
  return end(db, id, { state: 'posted', highlevelMessageId }, now);
}

/** Ends a send that HighLevel refuses, or of which it stays unknown whether HighLevel has it. */
export function endUnposted(
  db: Database,
  { id }: Pick<WorkflowSend, 'id'>,
  state: 'refused' | 'unconfirmed',
  reason: Reason,
  now: Date,
): Promise<void> {
  return end(db, id, { state, reasonCode: reason.code, reason: reason.message }, now);
}

function end(db: Database, id: string, data: Partial<WorkflowSend>, now: Date): Promise<void> {
  return db.transaction(async (tx) => {
    await tx.workflowSend.updateMany({
      where: { id, state: { in: ['reserved', 'posting'] } },
      data: { ...data, dueAt: null, updatedAt: now },
    });
    await wakePauses(tx, id, now);
  });
}

/** Lets the workflows that wait for a send look at it, in the order of their ids as every transaction locks them. */
async function wakePauses(tx: Executor, sendId: string, now: Date): Promise<void> {
  await tx.$executeRaw`
    UPDATE workflow_pauses SET due_at = ${now} WHERE id IN (
      SELECT id FROM workflow_pauses WHERE send_id = ${sendId}::uuid AND outcome IS NULL ORDER BY id FOR UPDATE)`;
}

/** Plans the next step. @param change what else changes */
export async function rescheduleSend(
  db: Database,
  { id, claimedUntil }: ClaimedSend,
  dueAt: Date,
  change: Partial<Pick<WorkflowSend, 'state' | 'errorCount' | 'lookUpCount' | 'reasonCode' | 'reason'>>,
): Promise<void> {
  await db.client.workflowSend.updateMany({ where: { id, dueAt: claimedUntil }, data: { ...change, dueAt } });
}

/** Deletes a batch of sends that were stored before a time, with the workflows that waited for them. @returns the number deleted */
export async function purgeSends({ db }: { db: Database }, before: Date): Promise<number> {
  return db.client.$executeRaw`
    DELETE FROM workflow_sends WHERE id IN (SELECT id FROM workflow_sends WHERE created_at < ${before} LIMIT 1000)`;
}
