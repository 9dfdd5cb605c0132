import { nextPermitAt, type RateLimit } from '../core/gcra.ts';
import type { Executor } from '../database/client.ts';
import { type GroupRow, toGroupState } from './group-state.ts';
import type { QueueName } from './job.ts';

/** A group with a claimable job that no worker claims. */
export interface LateGroup {
  readonly queue: QueueName;
  readonly groupKey: string;
  /** Wait of its oldest such job. */
  readonly ageSeconds: number;
}

/** A group that works at its limit gets a permit again and again, and uses each at once. */
const recentlyServedMs = 5_000;

/**
 * Finds groups whose oldest claimable job has been due for longer than `olderThanMs`. Excludes jobs that wait for an earlier message of
 * their contact, for the hours or the rate limit of their group, or for its concurrency.
 *
 * @param defaultLimits the limits with which the workers run the queues
 */
export async function findLateGroups(
  on: Executor,
  now: Date,
  olderThanMs: number,
  defaultLimits: Partial<Record<QueueName, RateLimit>>,
): Promise<LateGroup[]> {
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
    .filter((row) => isServable(row, defaultLimits[row.queue] ?? null, now))
    .map(({ queue, groupKey, dueAt }) => ({ queue, groupKey, ageSeconds: (now.getTime() - dueAt.getTime()) / 1000 }));
}

function isServable({ running, ...row }: GroupRow & { running: number }, defaultLimit: RateLimit | null, now: Date): boolean {
  const state = toGroupState(row, defaultLimit, running, now);
  const recentMs = now.getTime() - recentlyServedMs;
  const isFull = state.concurrency !== null && running >= state.concurrency;
  return !isFull && nextPermitAt(state, recentMs) <= recentMs;
}
