import { type DeliverDeps, deliver } from '../messages/deliver.ts';
import { type PostDeps, post } from '../messages/post.ts';
import { report } from '../messages/report.ts';
import type { Queue } from '../queue/boss.ts';

/** Which function does the work of which queue: the only subscriber. */
export async function startWorker(deps: DeliverDeps & PostDeps & { queue: Queue }): Promise<void> {
  await deps.queue.work('deliver', (job) => deliver(deps, job));
  await deps.queue.work('report', (job) => report(deps, job));
  await deps.queue.work('post', (job) => post(deps, job));
}
