const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Delays between attempts to send, in milliseconds. After the last one the message fails. */
export const sendDelaysMs: readonly number[] = [
  5 * second,
  30 * second,
  2 * minute,
  10 * minute,
  hour,
  3 * hour,
  6 * hour,
  12 * hour,
];

const urgentDelaysMs: readonly number[] = [1, 2, 5, 10, 20, 40].map((seconds) => seconds * second);

/** Delays between tries to post an inbound message, in milliseconds: short ones first, as a person waits for it, then the long schedule. */
export const postDelaysMs: readonly number[] = [
  ...urgentDelaysMs,
  ...sendDelaysMs.filter((delay) => delay > (urgentDelaysMs.at(-1) as number)),
];

/**
 * Delays between tries to fetch the attachments of an inbound message, in milliseconds. They are short, as the text and all later messages
 * of this sender wait too; afterwards the message is posted without the file. About 13 minutes in all.
 */
export const attachmentDelaysMs: readonly number[] = [5 * second, 15 * second, 40 * second, 2 * minute, 10 * minute];

/** Retries, a minute in all, for a missing file: many vendors announce a file a moment before it exists. */
export const maxMissingFileRetries = 3;

/**
 * Delays between reports while HighLevel does not know the message yet: it does so 5 to 10 seconds after its webhook, sometimes later
 * (platform.md 4.1). About 15 minutes in all.
 */
export const tooEarlyDelaysMs: readonly number[] = [
  2 * second,
  5 * second,
  10 * second,
  20 * second,
  40 * second,
  80 * second,
  160 * second,
  240 * second,
  360 * second,
];

/**
 * Computes the delay before the next retry, with jitter so that jobs that failed together are not retried together.
 *
 * @param retryCount delays of the schedule that are used up
 * @param jitter from 0 (inclusive) to 1 (exclusive); the delay lies between the listed one and a fifth more
 * @returns milliseconds, or null when the schedule is used up
 */
export function computeRetryDelayMs(schedule: readonly number[], retryCount: number, jitter: number): number | null {
  const delay = schedule[retryCount];
  return delay === undefined ? null : Math.round(delay * (1 + jitter / 5));
}

const maxBlockingMs = 5 * minute;

/**
 * Decides whether later jobs of the same ordering key run before one that keeps failing: once its schedule would block them for more than
 * five minutes.
 *
 * @param retryCount as in {@link computeRetryDelayMs}, before the delay that follows
 */
export function shouldReleaseOrderingKey(schedule: readonly number[], retryCount: number): boolean {
  const blockingMs = schedule.slice(0, retryCount + 1).reduce((sum, ms) => sum + ms, 0);
  return retryCount < schedule.length && blockingMs > maxBlockingMs;
}

/**
 * Computes the delay while HighLevel is down or a location is suspended: a quarter of the outage so far, so that a short outage costs
 * seconds and a long one causes no storm. The retries never end.
 *
 * @returns milliseconds, from 5 seconds to 15 minutes and up to a fifth more
 */
export function computeOutageDelayMs(outageMs: number, jitter: number): number {
  const delay = Math.min(Math.max(outageMs / 4, 5 * second), 15 * minute);
  return Math.round(delay * (1 + jitter / 5));
}

/**
 * Computes the delay before another try at a failure that others must repair, doubled each time. The retries never end. @returns as {@link
 * computeOutageDelayMs}
 */
export function computeBackoffMs(attemptCount: number, jitter: number): number {
  return computeOutageDelayMs(4 * 5 * second * 2 ** Math.min(attemptCount, 10), jitter);
}
