import type { SqlExecutor } from '../../database/client.ts';
import { jobsChannel, type QueueName } from '../job.ts';

/** Makes scheduled jobs of these messages due now. */
export async function runNow(tx: SqlExecutor, queue: QueueName, messageIds: readonly string[], now: Date): Promise<void> {
  await tx.$queryRaw`
    WITH waiting AS (
      SELECT message_id FROM jobs
      WHERE queue = ${queue}::queue_name AND message_id = ANY (${[...messageIds]}::uuid[]) AND worker_id IS NULL AND due_at > ${now}
      ORDER BY ordering_key, message_id FOR NO KEY UPDATE),
    rescheduled AS (
      UPDATE jobs SET due_at = ${now} FROM waiting WHERE queue = ${queue}::queue_name AND jobs.message_id = waiting.message_id RETURNING 1)
    SELECT pg_notify(${jobsChannel}, ${queue})::text FROM rescheduled LIMIT 1`;
}

/** Makes all scheduled jobs of a group due now. */
export async function runGroupNow(tx: SqlExecutor, queue: QueueName, groupKey: string, now: Date): Promise<void> {
  await tx.$queryRaw`
    WITH waiting AS (
      SELECT message_id FROM jobs WHERE queue = ${queue}::queue_name AND group_key = ${groupKey} AND worker_id IS NULL AND due_at > ${now}
      ORDER BY ordering_key, message_id FOR NO KEY UPDATE),
    rescheduled AS (
      UPDATE jobs SET due_at = ${now} FROM waiting WHERE queue = ${queue}::queue_name AND jobs.message_id = waiting.message_id RETURNING 1)
    SELECT pg_notify(${jobsChannel}, ${queue})::text FROM rescheduled LIMIT 1`;
}
