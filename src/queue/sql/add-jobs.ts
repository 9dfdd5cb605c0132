import type { SqlExecutor } from '../../database/client.ts';
import { recordset, toRecordsetJson } from '../../database/recordset.ts';
import { jobsChannel, type NewJob } from '../job.ts';

const newJobColumns = {
  queue: 'queue_name',
  messageId: 'uuid',
  groupKey: 'text',
  orderingKey: 'text',
  priority: 'smallint',
  dueAt: 'timestamptz',
} as const satisfies Record<keyof NewJob, string>;

/**
 * Returns the SQL that adds jobs and notifies the workers: the last parts of a WITH, whose earlier parts may have inserted messages.
 * `notified` has one row.
 *
 * A job is the head of its ordering key unless an earlier job of the key exists. That job stays locked until the transaction commits: the
 * transaction that finishes it promotes the next one, and must see ours. Both lock in the order of `lockJobsCte`.
 *
 * @param rows a parameter with new jobs as JSON
 * @param messages an earlier part of the WITH that yields `id`: jobs of other messages are not added
 */
export function insertJobsCte(rows: string, messages?: string): string {
  const onlyTheirs = messages ? `JOIN ${messages} ON ${messages}.id = job."messageId"` : '';
  return `new_jobs AS MATERIALIZED (
    SELECT job.*, row_number() OVER (PARTITION BY queue, "orderingKey" ORDER BY "messageId") AS ordinal
    FROM ${recordset(rows, newJobColumns, 'job')} ${onlyTheirs} ORDER BY queue, "orderingKey", ordinal),
  predecessors AS MATERIALIZED (
    SELECT new_jobs.queue, new_jobs."messageId" FROM new_jobs CROSS JOIN LATERAL (
      SELECT FROM jobs WHERE is_head AND jobs.queue = new_jobs.queue AND jobs.ordering_key = new_jobs."orderingKey" AND message_id < new_jobs."messageId"
      ORDER BY message_id FOR KEY SHARE) AS head
    WHERE ordinal = 1),
  added AS (
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, priority, due_at, is_head)
    SELECT queue, "messageId", "groupKey", "orderingKey", priority, "dueAt",
      ordinal = 1 AND (queue, "messageId") NOT IN (SELECT queue, "messageId" FROM predecessors)
    FROM new_jobs
    ON CONFLICT (queue, message_id) DO UPDATE
      SET priority = LEAST(jobs.priority, EXCLUDED.priority), due_at = LEAST(jobs.due_at, EXCLUDED.due_at)
    RETURNING queue),
  notified AS (SELECT count(pg_notify('${jobsChannel}', queue::text)) FROM (SELECT DISTINCT queue FROM added) AS queues)`;
}

const addJobsSql = `WITH ${insertJobsCte('$1')} SELECT * FROM notified`;

/** Adds jobs in the caller's transaction. Where a message already has a job in that queue, the earlier due time wins. */
export async function enqueue(tx: SqlExecutor, jobs: readonly NewJob[]): Promise<void> {
  if (jobs.length === 0) return;
  // Sort by id: transactions that add the same jobs then lock rows in the same order and cannot deadlock.
  const sorted = jobs.toSorted((a, b) => (`${a.queue}${a.messageId}` < `${b.queue}${b.messageId}` ? -1 : 1));
  await tx.$queryRawUnsafe(addJobsSql, toRecordsetJson(newJobColumns, sorted));
}
