import type { Database } from '../database/client.ts';
import type { Job, QueueName } from './job.ts';

/**
 * Releases jobs that this worker claimed without learning of it: the claim committed but its result was lost. Runs every minute, because
 * a delayed claim can commit after the previous check. Releases only the row versions that it has read: its own statement may be delayed
 * too, and the job may run by then.
 *
 * @param running jobs that the process knows of. The caller has no claim in flight
 */
export async function releaseOrphanedJobs(
  { client }: Database,
  queue: QueueName,
  workerId: string,
  running: Iterable<Job>,
): Promise<void> {
  const runningIds = [...running].filter((job) => job.workerId === workerId).map(({ messageId }) => messageId);
  const orphans = await client.$queryRaw<{ rowLocation: string; version: string }[]>`
    SELECT ctid::text AS "rowLocation", xmin::text AS version FROM jobs
    WHERE queue = ${queue}::queue_name AND worker_id = ${workerId}::uuid AND message_id <> ALL (${runningIds}::uuid[])`;
  for (const { rowLocation, version } of orphans) {
    await client.$executeRaw`UPDATE jobs SET worker_id = NULL WHERE ctid = ${rowLocation}::tid AND xmin::text = ${version}`;
  }
}
