import type { SqlExecutor } from '../../database/client.ts';
import type { QueueName } from '../job.ts';

/** Lets later jobs overtake these: each moves to an ordering key of its own. Running jobs are not moved. */
export async function releaseOrderingKeys(tx: SqlExecutor, queue: QueueName, messageIds: readonly string[]): Promise<void> {
  // A separate statement: the next one sees the jobs that were added behind these before they were locked.
  const released = await tx.$queryRaw<{ messageId: string; key: string }[]>`
    SELECT message_id::text AS "messageId", ordering_key AS key FROM jobs
    WHERE queue = ${queue}::queue_name AND message_id = ANY (${[...messageIds]}::uuid[]) AND worker_id IS NULL
    ORDER BY ordering_key, message_id FOR UPDATE`;
  const [ids, keys] = [released.map(({ messageId }) => messageId), released.map(({ key }) => key)];
  await tx.$executeRaw`
    WITH released AS (
      UPDATE jobs SET ordering_key = message_id::text, is_head = true WHERE queue = ${queue}::queue_name AND message_id = ANY (${ids}::uuid[]))
    UPDATE jobs SET is_head = true FROM (
      SELECT DISTINCT ON (ordering_key) message_id FROM jobs
      WHERE queue = ${queue}::queue_name AND ordering_key = ANY (${keys}::text[]) AND message_id <> ALL (${ids}::uuid[])
      ORDER BY ordering_key, message_id) AS next
    WHERE queue = ${queue}::queue_name AND jobs.message_id = next.message_id AND NOT is_head`;
}
