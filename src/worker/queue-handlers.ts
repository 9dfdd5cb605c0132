import type { ChannelSessions } from '../compose/channel-sessions.ts';
import type { Messaging } from '../compose/messaging.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import type { ConcurrencyLimits } from '../queue/concurrency.ts';
import type { Queue } from '../queue/queue.ts';
import { type Tracing, traceJobs } from '../runtime/tracing.ts';

/** Capabilities that the handlers of the queues call. */
export interface QueueHandlerDeps {
  queue: Pick<Queue, 'work'>;
  messaging: Pick<Messaging, 'deliver' | 'reportStatus' | 'postMessage' | 'fetchAttachments' | 'findMessage' | 'settle'>;
  channelSessions: Pick<ChannelSessions, 'start'>;
  /** Maximum number of concurrent sends of this process. */
  sendConcurrency: number;
  tracing: Tracing | undefined;
}

const highLevelConcurrency = 200;
const fetchConcurrency = 100;

/** Starts taking jobs of all queues, assigns each to the function that does it, and opens the sessions that carry some of them. */
export async function startWorker(deps: QueueHandlerDeps): Promise<void> {
  const { queue, messaging, channelSessions, sendConcurrency, tracing } = deps;
  const deliver = traceJobs(tracing, 'deliver', messaging.deliver);
  const reportStatus = traceJobs(tracing, 'report', messaging.reportStatus);
  const postMessage = traceJobs(tracing, 'post', messaging.postMessage);
  const fetchAttachments = traceJobs(tracing, 'fetch_attachments', messaging.fetchAttachments);

  await queue.work('deliver', { concurrency: limitConcurrency(sendConcurrency, 5) }, deliver);
  await queue.work(
    'highlevel',
    { defaultLimit: highLevelRateLimit, concurrency: limitConcurrency(highLevelConcurrency, 4) },
    async (job) => {
      const message = await messaging.findMessage(job.messageId);
      if (!message) return messaging.settle({ job });
      return message.direction === 'outbound' ? reportStatus(job, message) : postMessage(job, message);
    },
  );
  await queue.work('fetch', { concurrency: limitConcurrency(fetchConcurrency, 5) }, async (job) => {
    const message = await messaging.findMessage(job.messageId);
    return message ? fetchAttachments(job, message) : messaging.settle({ job });
  });
  channelSessions.start();
}

/** Limits a group to a share of the running jobs: a single busy group must not occupy all of them. */
function limitConcurrency(total: number, parts: number): ConcurrencyLimits {
  return { total, perGroup: Math.ceil(total / parts) };
}
