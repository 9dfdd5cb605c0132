import { nextPermitAt } from '../core/gcra.ts';
import type { Executor } from '../database/client.ts';
import { type GroupRow, toGroupState } from './claim.ts';
import type { QueueName } from './job.ts';

/** A lane with a job that nobody takes though it could be done. */
export interface LateGroup {
  readonly queue: QueueName;
  readonly groupKey: string;
  /** How long its oldest such job has waited. */
  readonly ageSeconds: number;
}

/** A lane that works at its limit opens again and again, and is used at once. */
const recentlyServedMs = 5_000;

/**
 * Lanes whose oldest job that could be done has been ready for longer than `olderThanMs`. What waits for an earlier message of its
 * contact, for the hours or the limits of its lane, or for a free hand where the lane allows only so many, is not among it.
 */
export async function findLateGroups(on: Executor, now: Date, olderThanMs: number): Promise<LateGroup[]> {
  const rows = await on.$queryRaw<(GroupRow & { queue: QueueName; running: number })[]>`
    SELECT late.queue::text AS queue, late.group_key AS "groupKey", late.due_at AS "dueAt", tat_at AS "tatAt", paused_until AS "pausedUntil",
      pause_code AS "pauseCode", interval_ms AS "intervalMs", burst, concurrency,
      (SELECT count(*)::int FROM jobs h WHERE h.group_key = late.group_key AND h.worker_id IS NOT NULL) AS running
    FROM (
      SELECT queue, group_key, min(due_at) AS due_at FROM jobs j
      WHERE worker_id IS NULL AND is_head AND due_at < ${new Date(now.getTime() - olderThanMs)} AND NOT EXISTS (
        SELECT 1 FROM jobs b WHERE b.queue = j.queue AND b.ordering_key = j.ordering_key AND b.message_id <> j.message_id
          AND (b.message_id < j.message_id OR b.worker_id IS NOT NULL))
      GROUP BY queue, group_key) AS late
    LEFT JOIN rate_limits ON key = late.group_key`;
  return rows
    .filter((row) => isServable(row, now))
    .map(({ queue, groupKey, dueAt }) => ({ queue, groupKey, ageSeconds: (now.getTime() - dueAt.getTime()) / 1000 }));
}

function isServable({ queue, running, ...row }: GroupRow & { queue: QueueName; running: number }, now: Date): boolean {
  const state = toGroupState(queue, row, running, now);
  const recentMs = now.getTime() - recentlyServedMs;
  const isFull = state.concurrency !== null && running >= state.concurrency;
  return !isFull && nextPermitAt(state, recentMs) <= recentMs;
}
