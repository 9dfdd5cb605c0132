import type { RateLimit } from '../core/gcra.ts';
import type { LimitHeaders } from './response.ts';

/**
 * Limit of a location: HighLevel accepts 100 calls in any 10 seconds (platform.md 5.9). A call leaves up to `slotTtlMs` after its slot, so
 * any 10 seconds see the slots of 12: 10 + 12 s × 7/s = 94. The rest is for calls without a slot, such as the second try after a 401.
 */
export const highLevelRateLimit: RateLimit & { readonly slotTtlMs: number } = {
  intervalMs: 1000 / 7,
  burst: 10,
  maxReserved: 80,
  slotTtlMs: 2_000,
};

/**
 * Limit of the calls that look up addresses missing from webhooks: at most half of all, so that reports and inbound messages continue
 * beside them.
 */
export const contactLookupRateLimit: RateLimit = { intervalMs: 2 * highLevelRateLimit.intervalMs, burst: 3 };

/**
 * Limit of mirroring opt-outs to do-not-disturb: each takes up to three calls, and all of them at most a quarter of all, so that
 * thousands of opt-outs delay no message.
 */
export const dndMirrorRateLimit: RateLimit = { intervalMs: 12 * highLevelRateLimit.intervalMs, burst: 2 };

/** Limit of starting workflows by triggers: at most a quarter of all calls, so that a thousand receipts at once delay no message. */
export const triggerRateLimit: RateLimit = { intervalMs: 4 * highLevelRateLimit.intervalMs, burst: 5 };

/** Limit of the messages of workflow actions, and of resuming their workflows: at most half of all calls, as each message is reported, too. */
export const workflowActionRateLimit: RateLimit = { intervalMs: 2 * highLevelRateLimit.intervalMs, burst: 5 };

/** Calls per day for a location or a company (platform.md 5.9). */
export const highLevelDailyQuota = 200_000;

/** Remaining requests from which no pause is needed. */
const minRemaining = 2;
/** Interval of the probes after the daily limit: the headers do not say when its count starts again. */
const dailyCheckIntervalMs = 10 * 60 * 1000;

/**
 * Returns how long all calls of this location pause after a response, in milliseconds; 0 for no pause.
 *
 * @param refused the response was a 429
 */
export function pauseAfterResponse(limits: LimitHeaders, refused: boolean): number {
  if (limits.dailyRemaining === 0) return dailyCheckIntervalMs;
  if (refused) return limits.retryAfterMs ?? limits.intervalMs ?? 10_000;
  if (limits.remaining !== null && limits.remaining < minRemaining) return limits.intervalMs ?? 10_000;
  return 0;
}
