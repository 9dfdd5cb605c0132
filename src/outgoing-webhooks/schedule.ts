const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Delays after the first failure and each further one, as Standard Webhooks recommends: about three days in all. */
const delaysMs = [
  5_000,
  5 * minuteMs,
  30 * minuteMs,
  2 * hourMs,
  5 * hourMs,
  10 * hourMs,
  14 * hourMs,
  20 * hourMs,
  24 * hourMs,
];
/** Spreads the retries of events that failed together. */
const jitterShare = 0.1;
/** Longest wait that an endpoint can ask for. */
const maxRetryAfterMs = dayMs;

/** Time without a success after which an endpoint is switched off, if as many attempts have failed. */
const failingForMs = 5 * dayMs;
const minFailures = 10;

/**
 * Computes the wait before the next attempt.
 *
 * @param attemptCount attempts before the one that has failed
 * @param retryAfterMs wait that the endpoint asks for
 * @returns null after the last one
 */
export function computeWebhookDelayMs(attemptCount: number, jitter: number, retryAfterMs: number | null = null): number | null {
  const delay = delaysMs[attemptCount];
  if (delay === undefined) return null;
  return Math.max(Math.round(delay * (1 + jitter * jitterShare)), Math.min(retryAfterMs ?? 0, maxRetryAfterMs));
}

/** Decides from an endpoint's response and its failures in a row whether it is switched off. */
export function decideDisabling(
  status: number | null,
  failures: { since: Date; count: number },
  now: Date,
): 'gone' | 'failing' | null {
  if (status === 410) return 'gone';
  return failures.count >= minFailures && now.getTime() - failures.since.getTime() >= failingForMs ? 'failing' : null;
}
