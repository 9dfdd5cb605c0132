import type { SqlExecutor } from '../../database/client.ts';
import { recordset, toRecordsetJson } from '../../database/recordset.ts';
import { getMaxPriority, type QueueName, queueNames } from '../job.ts';

/** Number of jobs that a worker may claim from a group. */
export interface ClaimQuota {
  readonly groupKey: string;
  readonly quota: number;
}

/** A job that a worker has just claimed. */
export interface ClaimedJob {
  readonly messageId: string;
  readonly groupKey: string;
}

const quotaColumns = { groupKey: 'text', quota: 'int' } as const;

/**
 * Joins rows by their `ctid`, which stays valid while they are locked: joined by id, a planner with outdated statistics may read the whole table.
 */
const buildClaimSql = (maxPriority: number) => `
  WITH selected AS (SELECT * FROM ${recordset('$2', quotaColumns, 'q')}),
  picked AS (
    SELECT row_location FROM selected CROSS JOIN LATERAL (
      SELECT by_priority.row_location FROM generate_series(0, ${maxPriority}) AS r CROSS JOIN LATERAL (
        SELECT j.ctid AS row_location FROM jobs j
        WHERE j.queue = $1::queue_name AND j.worker_id IS NULL AND j.is_head AND j.group_key = selected."groupKey" AND j.priority = r AND j.due_at <= $3
          -- Two jobs that were added at the same moment may both be heads.
          AND NOT EXISTS (
            SELECT 1 FROM jobs b WHERE b.queue = j.queue AND b.ordering_key = j.ordering_key AND b.message_id <> j.message_id
              AND (b.message_id < j.message_id OR b.worker_id IS NOT NULL))
        ORDER BY j.due_at, j.message_id
        LIMIT selected.quota
        FOR UPDATE SKIP LOCKED) AS by_priority
      ORDER BY r LIMIT selected.quota) AS by_group),
  alive AS (SELECT id FROM workers WHERE id = $4::uuid FOR KEY SHARE)
  UPDATE jobs SET worker_id = alive.id, claim_number = $5 FROM picked, alive
  WHERE jobs.ctid = picked.row_location AND worker_id IS NULL
  RETURNING jobs.message_id AS "messageId", group_key AS "groupKey", priority AS priority`;

const claimSqlByQueue = Object.fromEntries(queueNames.map((queue) => [queue, buildClaimSql(getMaxPriority(queue))]));

/**
 * Claims due jobs for a worker, up to each group's quota, and skips those that another worker is claiming. A worker that was declared dead
 * can claim no jobs under its old id, where no other worker would find them.
 */
export async function claimJobs(
  on: SqlExecutor,
  { queue, workerId, claimNumber }: { queue: QueueName; workerId: string; claimNumber: number },
  quotas: readonly ClaimQuota[],
  now: Date,
): Promise<ClaimedJob[]> {
  if (quotas.length === 0) return [];
  const rows = await on.$queryRawUnsafe<(ClaimedJob & { priority: number })[]>(
    claimSqlByQueue[queue] as string,
    queue,
    toRecordsetJson(
      quotaColumns,
      quotas.map(({ groupKey, quota }) => ({ groupKey, quota })),
    ),
    now,
    workerId,
    claimNumber,
  );
  // A statement returns its rows in no order.
  return rows.sort((a, b) => a.priority - b.priority || (a.messageId < b.messageId ? -1 : 1));
}
