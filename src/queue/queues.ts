import type { Queue as QueueSettings, WorkOptions } from 'pg-boss';

/**
 * The queues. A job carries a message id and nothing else: a retry must see the row as it is then, and no secret sits in a queue.
 *
 * - `deliver`: one outbound message to its far side; key: the contact, so that a contact's messages keep their order.
 * - `report`: one message's newest state to HighLevel; key: the message.
 * - `post`: one inbound message into its conversation; key: the sender.
 */
export const queueNames = ['deliver', 'report', 'post'] as const;

export type QueueName = (typeof queueNames)[number];

/** How many fetch for each queue at once in a process, each a batch whose jobs run side by side. */
export const workersPerQueue: Record<QueueName, number> = { deliver: 4, report: 2, post: 2 };

const forever = 2_000_000_000;
const year = 365 * 24 * 60 * 60;

export const queueSettings = {
  policy: 'key_strict_fifo',
  notify: true,
  // Our own schedules decide when to give up; were the queue to do so, a failed job would hold back its key for ever.
  retryLimit: forever,
  // After an error that nobody expected, such as a lost database.
  retryDelay: 2,
  retryBackoff: true,
  retryDelayMax: 300,
  // How soon another process takes over what a killed one had in hand: no heartbeat for this long.
  heartbeatSeconds: 10,
  // Longer than any channel's time-out.
  expireInSeconds: 300,
  // A job that waits is an acknowledged message: the queue must not tidy it away.
  retentionSeconds: year,
  // What happened stands in our own tables; finished jobs only make the queue slower.
  deleteAfterSeconds: 300,
} as const satisfies Omit<QueueSettings, 'name'>;

export const workSettings = {
  // A batch of one would crawl through a backlog on a queue with notifications; a full batch is followed by the next at once.
  batchSize: 10,
  burstWhenBatchFull: true,
  perJobResults: true,
  // A job that waits for its time is not notified, so this is how late a retry can be.
  pollingIntervalSeconds: 1,
  notifyPollingIntervalSeconds: 1,
} as const satisfies WorkOptions;
