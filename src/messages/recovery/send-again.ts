import { type Clock, dateNow } from '../../core/clock.ts';
import type { Executor } from '../../database/client.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { toDeliverJob, toPostJob } from '../model/message-jobs.ts';
import { getReason } from '../model/reasons.ts';
import { lockMessages } from '../settlement/locks.ts';

/**
 * Requeues messages that failed or are held for review, with a fresh retry schedule. The state that HighLevel has got stands until there
 * is a newer one to report.
 *
 * @returns the number of messages requeued
 */
export async function requeueMessages(deps: { clock: Clock }, tx: Executor, ids: readonly string[]): Promise<number> {
  const now = dateNow(deps.clock);
  await lockMessages(tx, ids);
  // A vendor that accepted a message and then failed it drops a repeat of the same idempotency key.
  await tx.$executeRaw`
    UPDATE messages SET idempotency_reset_at = ${now}
    WHERE id = ANY (${[...ids]}::uuid[]) AND state = 'failed' AND direction = 'outbound' AND EXISTS (
      SELECT 1 FROM receipts
      WHERE message_id = messages.id AND receipts.state = 'failed' AND received_at >= COALESCE(idempotency_reset_at, '-infinity'))`;
  // A quiet period of the earlier send proves nothing of the next one.
  await tx.$executeRaw`
    DELETE FROM quiet_periods USING messages m
    WHERE quiet_periods.message_id = m.id AND m.id = ANY (${[...ids]}::uuid[]) AND m.state = 'failed'`;
  const rows = await tx.message.updateManyAndReturn({
    where: {
      id: { in: [...ids] },
      OR: [{ state: 'failed' }, { state: 'pending', heldForReviewAt: { not: null } }],
      contentErasedAt: null,
      // The content of a message that was too large is not stored.
      AND: { OR: [{ reasonCode: null }, { reasonCode: { not: getReason('too_large').code } }] },
    },
    data: {
      state: 'pending',
      heldForReviewAt: null,
      retryCount: 0,
      reasonCode: null,
      reason: null,
      nextAttemptAt: null,
      resentAt: now,
      updatedAt: now,
    },
  });
  // A crash may have left an attempt open: the person who sends again has judged that too.
  const interrupted = getReason('interrupted');
  await tx.attempt.updateMany({
    where: { messageId: { in: rows.map(({ id }) => id) }, endedAt: null },
    data: { endedAt: now, outcome: 'unknown', code: interrupted.code, reason: interrupted.message },
  });
  await enqueue(
    tx,
    rows.map((row) => (row.direction === 'outbound' ? toDeliverJob(row, now) : toPostJob(row, now))),
  );
  return rows.length;
}
