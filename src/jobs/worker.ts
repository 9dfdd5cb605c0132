import { type DeliverDeps, deliver } from '../messages/deliver.ts';
import { type PostDeps, post } from '../messages/post.ts';
import { report } from '../messages/report.ts';
import type { Hands, Queue } from '../queue/queue.ts';

export interface WorkerDeps extends DeliverDeps, PostDeps {
  queue: Queue;
  /** How many sends this process has in hand at most. */
  sendsAtOnce: number;
}

const callsAtOnce = 200;

/** Which function does which work: the only place that takes jobs. */
export async function startWorker(deps: WorkerDeps): Promise<void> {
  await deps.queue.work('deliver', handsOf(deps.sendsAtOnce, 5), (job) => deliver(deps, job));
  await deps.queue.work('tell', handsOf(callsAtOnce, 4), async (job) => {
    const message = await deps.findMessage(job.messageId);
    if (!message) return deps.settle({ job });
    return message.direction === 'outbound' ? report(deps, job, message) : post(deps, job, message);
  });
}

/** One hand holds one request to somebody else; a far side that hangs takes its lane's part of them and no more. */
function handsOf(atMost: number, parts: number): Hands {
  return { atMost, perLane: Math.ceil(atMost / parts) };
}
