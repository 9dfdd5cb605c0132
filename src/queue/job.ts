/**
 * Names of the queues. A job carries a message's id only: its handler reads the row as it is then, and the queue holds no secret.
 *
 * - `deliver`: sends an outbound message to its vendor. Group: the connection; ordering key: the contact.
 * - `highlevel`: reports an outbound message's state to HighLevel, or posts an inbound message. Group: the location's limit at HighLevel;
 *   ordering key: the message, or the sender's address.
 * - `fetch`: downloads the attachments of an inbound message before it is posted. Group: the location's files; ordering key: the message.
 *   It has slots of its own, as a file may arrive drop by drop; the `highlevel` job waits meanwhile and preserves the sender's order.
 */
export type QueueName = 'deliver' | 'highlevel' | 'fetch';

export const queueNames: readonly QueueName[] = ['deliver', 'highlevel', 'fetch'];

/** A job to add. */
export interface NewJob {
  readonly queue: QueueName;
  readonly messageId: string;
  readonly groupKey: string;
  readonly orderingKey: string;
  /** Within a group lower numbers go first: 0 to {@link maxPriority}. */
  readonly priority: number;
  readonly dueAt: Date;
}

/** A running job. */
export interface Job {
  readonly queue: QueueName;
  readonly messageId: string;
  readonly groupKey: string;
  /** The worker that claimed it. Another worker may have taken the job over since, if it declared this one dead. */
  readonly workerId: string;
  /** The poll by which that worker claimed it. A result that is written again, as a commit's response was lost, ends no later run of the job. */
  readonly claimNumber: number;
  /** Aborts when the process stops. */
  readonly signal: AbortSignal;
}

/** Least urgent priority. */
export const maxPriority = 2;

/** Returns the least urgent priority of a queue's jobs: a poll looks for each priority of a group. Only reports differ in theirs. */
export function getMaxPriority(queue: QueueName): number {
  return queue === 'highlevel' ? maxPriority : 0;
}

/** The NOTIFY channel that wakes workers; its payload is the name of a queue. */
export const jobsChannel = 'patchbay_jobs';
