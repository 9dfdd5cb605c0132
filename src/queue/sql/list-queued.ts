import type { Executor, QueueName, SqlExecutor } from '../../database/client.ts';

/** Lists those of some messages for which a queue has a job, running or not. */
export async function listQueued(on: SqlExecutor, queue: QueueName, messageIds: readonly string[]): Promise<Set<string>> {
  const jobs = await on.$queryRaw<{ messageId: string }[]>`
    SELECT message_id AS "messageId" FROM jobs WHERE queue = ${queue}::queue_name AND message_id = ANY (${[...messageIds]}::uuid[])`;
  return new Set(jobs.map(({ messageId }) => messageId));
}

/**
 * Lists the messages with a job in the groups whose key starts with a prefix, running or not. The jobs behind the first of their ordering key
 * are in no index of groups, so they are found by that key.
 */
export async function listQueuedInGroups(on: Executor, queue: QueueName, prefix: string): Promise<string[]> {
  const rows = await on.$queryRaw<{ messageId: string }[]>`
    WITH heads AS (
      SELECT ordering_key FROM jobs
      WHERE queue = ${queue}::queue_name AND worker_id IS NULL AND is_head AND starts_with(group_key, ${prefix})
      UNION
      SELECT ordering_key FROM jobs WHERE queue = ${queue}::queue_name AND worker_id IS NOT NULL AND starts_with(group_key, ${prefix}))
    SELECT message_id::text AS "messageId" FROM heads JOIN jobs ON jobs.ordering_key = heads.ordering_key
    WHERE jobs.queue = ${queue}::queue_name ORDER BY message_id`;
  return rows.map(({ messageId }) => messageId);
}
