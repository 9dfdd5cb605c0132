import type { Executor } from '../../database/client.ts';
import type { ReadyGroup } from '../group-state.ts';
import { maxPriority, type QueueName } from '../job.ts';

/** Groups that one poll reads. A group from which it can claim no job costs a few hundredths of a millisecond. */
export const maxGroups = 500;

/**
 * Returns the groups after the cursor that have claimable jobs, with the earliest due time and the limits of each. Walks the index from
 * group to group instead of scanning all jobs: a queue of a million jobs costs as much as one of ten. Groups of other owners are returned
 * and marked: without them a poll could not distinguish the last groups from the first ones.
 */
export function findReadyGroups(on: Executor, queue: QueueName, cursor: string, workerId: string): Promise<ReadyGroup[]> {
  return on.$queryRaw<ReadyGroup[]>`
    WITH RECURSIVE groups AS (
      (SELECT group_key, 1 AS ordinal FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > ${cursor} ORDER BY group_key LIMIT 1)
      UNION ALL
      SELECT (SELECT group_key FROM jobs
        WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND group_key > groups.group_key ORDER BY group_key LIMIT 1), ordinal + 1
      FROM groups WHERE group_key IS NOT NULL AND ordinal < ${maxGroups}::int
    )
    SELECT group_key AS "groupKey", head.due_at AS "dueAt", tat_at AS "tatAt", paused_until AS "pausedUntil",
      pause_code AS "pauseCode", interval_ms AS "intervalMs", burst, concurrency, COALESCE(owner_worker_id <> ${workerId}::uuid, false) AS "isOwnedElsewhere"
    FROM groups
    CROSS JOIN LATERAL (SELECT min(due_at) AS due_at FROM generate_series(0, ${maxPriority}::int) AS r CROSS JOIN LATERAL (
      SELECT due_at FROM jobs WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND jobs.group_key = groups.group_key AND priority = r
      ORDER BY due_at LIMIT 1) AS by_priority) AS head
    LEFT JOIN rate_limits ON key = group_key
    WHERE group_key IS NOT NULL AND head.due_at IS NOT NULL ORDER BY group_key`;
}
