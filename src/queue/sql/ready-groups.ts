import type { SqlExecutor } from '../../database/client.ts';
import type { ReadyGroup } from '../group-state.ts';
import { getMaxPriority, type QueueName } from '../job.ts';

/** Maximum of groups that one poll reads. A group from which it can claim no job costs a hundredth of a millisecond. */
export const maxGroups = 500;

/** Part of the queue that a poll reads. */
export interface GroupRange {
  readonly queue: QueueName;
  /** Key of the last group that was read before. */
  readonly cursor: string;
  readonly maxRead: number;
}

/**
 * Returns the groups after the cursor that have claimable jobs, with the due time and the limits of each: the earliest time, or one that has
 * passed. Walks the index from group to group instead of scanning all jobs: a queue of a million jobs costs as much as one of ten. A step to
 * the next group also yields its most urgent job; the other priorities are looked at only where that one is not due. Groups of other owners are
 * returned and marked: without them a poll could not distinguish the last groups from the first ones.
 */
export function findReadyGroups(
  on: SqlExecutor,
  { queue, cursor, maxRead }: GroupRange,
  workerId: string,
  now: Date,
): Promise<ReadyGroup[]> {
  return on.$queryRaw<ReadyGroup[]>`
    WITH RECURSIVE groups AS (
      (SELECT group_key, priority, due_at, 1 AS ordinal FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > ${cursor}
        ORDER BY group_key, priority, due_at LIMIT 1)
      UNION ALL
      SELECT next.group_key, next.priority, next.due_at, ordinal + 1 FROM groups CROSS JOIN LATERAL (
        SELECT group_key, priority, due_at FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > groups.group_key
        ORDER BY group_key, priority, due_at LIMIT 1) AS next
      WHERE ordinal < ${maxRead}::int
    )
    SELECT group_key AS "groupKey",
      CASE WHEN due_at <= ${now} THEN due_at ELSE LEAST(due_at, (
        SELECT min(by_priority.due_at) FROM generate_series(groups.priority + 1, ${getMaxPriority(queue)}::int) AS r CROSS JOIN LATERAL (
          SELECT due_at FROM jobs
          WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND jobs.group_key = groups.group_key AND jobs.priority = r
          ORDER BY due_at LIMIT 1) AS by_priority)) END AS "dueAt",
      tat_at AS "tatAt", paused_until AS "pausedUntil", pause_code AS "pauseCode", interval_ms AS "intervalMs", burst, concurrency,
      COALESCE(owner_worker_id <> ${workerId}::uuid, false) AS "isOwnedElsewhere"
    FROM groups LEFT JOIN rate_limits ON key = group_key
    ORDER BY group_key`;
}
