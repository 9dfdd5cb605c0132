const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/**
 * Parses the header `Retry-After`, seconds or a date, as milliseconds from now; a day at most, so that a mistake does not park a message.
 *
 * @returns undefined when the header is missing or neither of both
 */
export function parseRetryAfterMs(header: unknown, nowMs: number): number | undefined {
  if (typeof header !== 'string' || header === '') return undefined;
  const ms = /^\d+(?:\.\d+)?$/.test(header) ? Math.ceil(Number(header) * 1000) : Date.parse(header) - nowMs;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), maxRetryAfterMs);
}
