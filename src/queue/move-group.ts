import type { Executor } from '../database/client.ts';
import { jobsChannel } from './job.ts';

/** Moves the limits and pauses of a group to another key. Its waiting jobs stay, without limits, and find their group when they run. */
export async function moveRateLimit(tx: Executor, from: string, to: string): Promise<void> {
  // Sort by key, as in `lockRateLimits`: the transactions then lock in the same order and cannot deadlock.
  await tx.$queryRaw`SELECT 1 FROM rate_limits WHERE key IN (${from}, ${to}) ORDER BY key FOR UPDATE`;
  await tx.rateLimitRow.deleteMany({ where: { key: to } });
  await tx.rateLimitRow.updateMany({ where: { key: from }, data: { key: to } });
}

/** Deletes the limits, pauses and owners of groups: their waiting jobs run. */
export async function deleteRateLimits(on: Executor, keys: readonly string[]): Promise<void> {
  await on.rateLimitRow.deleteMany({ where: { key: { in: [...keys] } } });
}

/** Moves waiting jobs to another group, and wakes the workers. A job that runs is not moved. @returns their number */
export async function moveJobs(on: Executor, messageIds: readonly string[], to: string, now: Date): Promise<number> {
  if (messageIds.length === 0) return 0;
  const [row] = await on.$queryRaw<{ count: number }[]>`
    WITH held AS MATERIALIZED (
      SELECT message_id FROM jobs WHERE queue = 'deliver' AND message_id = ANY (${[...messageIds]}::uuid[]) AND worker_id IS NULL
      ORDER BY ordering_key, message_id FOR UPDATE),
    moved AS (
      UPDATE jobs SET group_key = ${to}, due_at = LEAST(due_at, ${now}) FROM held
      WHERE queue = 'deliver' AND jobs.message_id = held.message_id RETURNING 1)
    SELECT count(*)::int AS count, pg_notify(${jobsChannel}, 'deliver')::text AS notified FROM moved`;
  return row?.count ?? 0;
}
