import type { Database } from '../database/client.ts';
import type { Job, QueueName } from './job.ts';

/**
 * When the answer to a look at the queue is lost, the jobs that it took are a process's own and it does not know of them. They are looked
 * for again and again, as such a look may take its effect late. Only rows as they were seen are freed: this statement may be late too, and
 * its job be in hand by then.
 *
 * @param running what the process knows of. No other look of its own is under way
 */
export async function releaseOrphanedJobs(
  { client }: Database,
  queue: QueueName,
  workerId: string,
  running: Iterable<Job>,
): Promise<void> {
  const runningIds = [...running].filter((job) => job.workerId === workerId).map(({ messageId }) => messageId);
  const orphans = await client.$queryRaw<{ place: string; version: string }[]>`
    SELECT ctid::text AS place, xmin::text AS version FROM jobs
    WHERE queue = ${queue}::queue_name AND worker_id = ${workerId}::uuid AND message_id <> ALL (${runningIds}::uuid[])`;
  for (const { place, version } of orphans) {
    await client.$executeRaw`UPDATE jobs SET worker_id = NULL WHERE ctid = ${place}::tid AND xmin::text = ${version}`;
  }
}
