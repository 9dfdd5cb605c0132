const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/** Waits between attempts to send, in milliseconds. After the last one we give the message up. */
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

/** Waits between tries to post what a contact wrote, in milliseconds: short ones first, as a person waits for it, then the long schedule. */
export const postDelaysMs: readonly number[] = [
  ...urgentDelaysMs,
  ...sendDelaysMs.filter((delay) => delay > (urgentDelaysMs.at(-1) as number)),
];

/**
 * Waits between tries to fetch what came with an inbound message, in milliseconds. Short, as the text, and all that this sender writes
 * after it, waits too; then the message is posted without it. About 13 minutes in all.
 */
export const attachmentDelaysMs: readonly number[] = [5 * second, 15 * second, 40 * second, 2 * minute, 10 * minute];

/** So many of these waits, a minute, are granted to a file that is not there: many vendors announce a file a moment before it is. */
export const maxMissingFileRetries = 3;

/**
 * Waits between reports while HighLevel does not know the message yet: it does so 5 to 10 seconds after its webhook, sometimes
 * later (platform.md 4.1). About 15 minutes in all.
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
 * The wait before the next try, spread so that what failed together does not come back together.
 *
 * @param retryCount how many waits of the schedule are used up
 * @param jitter from 0 (inclusive) to 1 (exclusive); the wait lies between the listed one and a fifth more
 * @returns milliseconds, or null when the schedule is used up
 */
export function computeRetryDelayMs(schedule: readonly number[], retryCount: number, jitter: number): number | null {
  const delay = schedule[retryCount];
  return delay === undefined ? null : Math.round(delay * (1 + jitter / 5));
}

const maxBlockingMs = 5 * minute;

/**
 * Decides whether later jobs of the same ordering key go ahead of one that keeps failing by itself: once its schedule would hold them back
 * for more than five minutes.
 *
 * @param retryCount as in {@link computeRetryDelayMs}, before the wait that follows
 */
export function shouldReleaseOrderingKey(schedule: readonly number[], retryCount: number): boolean {
  const blockingMs = schedule.slice(0, retryCount + 1).reduce((sum, ms) => sum + ms, 0);
  return retryCount < schedule.length && blockingMs > maxBlockingMs;
}

/**
 * The wait while something outside must first recover (HighLevel is down, a location is suspended): a quarter of the time that it has
 * lasted, so that a short outage costs seconds and a long one no storm. It never gives up.
 *
 * @returns milliseconds, from 5 seconds to 15 minutes and up to a fifth more
 */
export function computeOutageDelayMs(outageMs: number, jitter: number): number {
  const delay = Math.min(Math.max(outageMs / 4, 5 * second), 15 * minute);
  return Math.round(delay * (1 + jitter / 5));
}

/** The wait before another try at something that others must mend, doubled each time. It never gives up. @returns as {@link computeOutageDelayMs} */
export function computeBackoffMs(attemptCount: number, jitter: number): number {
  return computeOutageDelayMs(4 * 5 * second * 2 ** Math.min(attemptCount, 10), jitter);
}
