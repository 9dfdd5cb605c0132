import type { Executor, QueueName } from '../../database/client.ts';

/** Lists those of some messages for which a queue has a job, running or not. */
export async function listQueued(on: Executor, queue: QueueName, messageIds: readonly string[]): Promise<Set<string>> {
  const jobs = await on.job.findMany({ where: { queue, messageId: { in: [...messageIds] } }, select: { messageId: true } });
  return new Set(jobs.map(({ messageId }) => messageId));
}
