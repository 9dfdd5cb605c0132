import { fetchAttachments, type PostDeps, postMessage } from '../messages/inbound/post.ts';
import { type DeliverDeps, deliver } from '../messages/outbound/deliver.ts';
import { reportStatus } from '../messages/reporting/report-status.ts';
import type { ConcurrencyLimits } from '../queue/concurrency.ts';
import type { Queue } from '../queue/queue.ts';

export interface WorkerDeps extends DeliverDeps, PostDeps {
  queue: Queue;
  /** How many sends this process has in hand at most. */
  sendConcurrency: number;
}

const highLevelConcurrency = 200;
const fetchConcurrency = 100;

/** Which function does which work: the only place that takes jobs. */
export async function startWorker(deps: WorkerDeps): Promise<void> {
  await deps.queue.work('deliver', concurrencyFor(deps.sendConcurrency, 5), (job) => deliver(deps, job));
  await deps.queue.work('highlevel', concurrencyFor(highLevelConcurrency, 4), async (job) => {
    const message = await deps.findMessage(job.messageId);
    if (!message) return deps.settle({ job });
    return message.direction === 'outbound' ? reportStatus(deps, job, message) : postMessage(deps, job, message);
  });
  await deps.queue.work('fetch', concurrencyFor(fetchConcurrency, 5), async (job) => {
    const message = await deps.findMessage(job.messageId);
    return message ? fetchAttachments(deps, job, message) : deps.settle({ job });
  });
}

/** Limits a group to a part of the jobs, as it must not take all of them even while it responds quickly. */
function concurrencyFor(total: number, parts: number): ConcurrencyLimits {
  return { total, perGroup: Math.ceil(total / parts) };
}
