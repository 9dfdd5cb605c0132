const [secondMs, minuteMs, hourMs] = [1_000, 60_000, 60 * 60_000];

/** Time for which a process that has claimed a connection's check or setup works on it alone. */
export const claimTtlMs = 2 * minuteMs;

/** Connections that one poll claims, and asks about at the same time. */
export const claimBatchSize = 10;

/** Computes the time of the next daily check. @param jitter from 0 (inclusive) to 1: the checks of one restart spread over two hours */
export function computeNextDailyCheck(now: Date, jitter: number): Date {
  return new Date(now.getTime() + (23 + 2 * jitter) * hourMs);
}

/** Computes the time of the next check of a connection whose last checks were not good: after a minute, doubled up to an hour. */
export function computeNextProbe(now: Date, failureCount: number, jitter: number): Date {
  const delayMs = Math.min(minuteMs * 2 ** Math.min(failureCount, 10), hourMs);
  return new Date(now.getTime() + delayMs * (1 + jitter / 5));
}

/** Computes the time of the next try to register webhooks: after a quarter of the time since the connection was changed, 5 seconds to 6 hours. */
export function computeNextSetup(now: Date, changedAt: Date, jitter: number): Date {
  const delayMs = Math.min(Math.max((now.getTime() - changedAt.getTime()) / 4, 5 * secondMs), 6 * hourMs);
  return new Date(now.getTime() + delayMs * (1 + jitter / 5));
}
