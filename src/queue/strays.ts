import type { Database } from '../database/client.ts';
import type { Job, JobKind } from './jobs.ts';

/**
 * When the answer to a look at the queue is lost, the jobs that it took are a process's own and it does not know of them. They are looked
 * for again and again, as such a look may take its effect late. Only rows as they were seen are freed: this statement may be late too, and
 * its job be in hand by then.
 *
 * @param inHand what the process knows of. No other look of its own is under way
 */
export async function freeStrays({ client }: Database, kind: JobKind, workerId: string, inHand: Iterable<Job>): Promise<void> {
  const known = [...inHand].filter((job) => job.workerId === workerId).map(({ messageId }) => messageId);
  const strays = await client.$queryRaw<{ place: string; version: string }[]>`
    SELECT ctid::text AS place, xmin::text AS version FROM jobs
    WHERE kind = ${kind}::job_kind AND worker_id = ${workerId}::uuid AND message_id <> ALL (${known}::uuid[])`;
  for (const { place, version } of strays) {
    await client.$executeRaw`UPDATE jobs SET worker_id = NULL WHERE ctid = ${place}::tid AND xmin::text = ${version}`;
  }
}
