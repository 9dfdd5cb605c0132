import type { RateLimit } from '../core/gcra.ts';
import type { LimitHeaders } from './response.ts';

/**
 * HighLevel takes 100 calls in any 10 seconds for a location (platform.md 5.9). A call leaves up to `slotTtlMs` after its slot, so
 * any 10 seconds see the slots of 12: 10 + 12 s × 7/s = 94. The rest is for calls that no slot was taken for, such as the second try
 * after a 401.
 */
export const highLevelRateLimit: RateLimit = { intervalMs: 1000 / 7, burst: 10, maxBooked: 80 };

/** Half of them at most ask for addresses that webhooks have left out, so that reports and answers go on beside. */
export const contactLookupRateLimit: RateLimit = { intervalMs: 2 * highLevelRateLimit.intervalMs, burst: 3 };

/** Calls of one day for a location or a company (platform.md 5.9). */
export const highLevelDailyQuota = 200_000;

/** A slot that is older than this has lost its place: used late, it would add to the calls of another moment. */
export const slotTtlMs = 2_000;

/** What HighLevel says of its limits while something is left of them needs no reaction. */
const minRemaining = 2;
/** The headers do not say when a day's count starts anew, so we look again now and then. */
const dailyCheckIntervalMs = 10 * 60 * 1000;

/**
 * How long all calls of this location must rest after an answer, in milliseconds; 0 for not at all.
 *
 * @param refused the answer was a 429
 */
export function pauseAfterResponse(limits: LimitHeaders, refused: boolean): number {
  if (limits.dailyRemaining === 0) return dailyCheckIntervalMs;
  if (refused) return limits.retryAfterMs ?? limits.intervalMs ?? 10_000;
  if (limits.remaining !== null && limits.remaining < minRemaining) return limits.intervalMs ?? 10_000;
  return 0;
}
