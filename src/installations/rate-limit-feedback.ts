import type { Clock } from '../core/clock.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import type { HighLevelResponse, TokenOwner } from '../highlevel/client.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { highLevelRateLimit, pauseAfterResponse } from '../highlevel/rate-limit.ts';
import { breakerCodes, pause, recordQuota, resume } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';

const recordIntervalMs = 60_000;

const limitReached = { code: 'highlevel_limit', message: 'The CRM takes no more requests from this location for now.' };
export const dailyLimitReached = {
  code: breakerCodes.quotaUsed,
  message: 'The CRM’s daily limit of requests for this location is used up; work goes on when it renews.',
};
const outage = { code: breakerCodes.outage, message: 'The CRM does not answer at present; work goes on when it does.' };

/** So many failures in a row are an outage. */
const outageThreshold = 5;
/** How long an outage can have been over before it is noticed. */
const outageCheckMs = 60_000;

/**
 * Reads out of HighLevel's answers how its limits stand (platform.md 5.9) and whether it works at all. What is used up, or down, rests:
 * then one call finds out for all that wait, instead of each for itself. What is left of the day is noted now and then.
 */
export function createRateLimitFeedback(deps: { db: Database; clock: Clock; log: Log; jitter: () => number }) {
  const recordedAt = new Map<string, number>();
  const failures = new Map<string, { since: number; count: number }>();

  async function recordFailure(owner: TokenOwner, key: string, now: number): Promise<void> {
    const { since, count } = failures.get(key) ?? { since: now, count: 0 };
    failures.set(key, { since, count: count + 1 });
    if (count + 1 < outageThreshold) return;
    const pauseMs = Math.min(computeOutageDelayMs(now - since, deps.jitter()), outageCheckMs);
    deps.log.warn({ ...owner, pauseMs }, 'HighLevel does not answer for this owner');
    await pause(deps, key, new Date(now + pauseMs), outage, highLevelRateLimit);
  }

  /** @param answer null for none */
  return async (owner: TokenOwner, response: HighLevelResponse | null): Promise<void> => {
    const key = toHighLevelGroupKey(owner);
    const now = deps.clock.now();
    // A 500 may be of this very request and says nothing of HighLevel (platform.md 4.1).
    if (response?.status === 500) return;
    if (!response || response.status > 500) return recordFailure(owner, key, now);
    const { limits } = response;
    const { dailyRemaining } = limits;
    const isDue = dailyRemaining === 0 || now - (recordedAt.get(key) ?? 0) >= recordIntervalMs;
    if (isDue) recordedAt.set(key, now);
    if (isDue && dailyRemaining !== null) await recordQuota(deps, key, dailyRemaining);
    const { count = 0 } = failures.get(key) ?? {};
    failures.delete(key);
    const pauseMs = pauseAfterResponse(limits, response.status === 429);
    if (pauseMs === 0) {
      // Asks now and then although this process has seen no rest: another one may have, and be gone.
      if (isDue || count >= outageThreshold) await resume(deps, key);
      return;
    }
    deps.log.warn({ ...owner, pauseMs, ...limits }, 'HighLevel’s limit is used up');
    await pause(
      deps,
      key,
      new Date(now + pauseMs),
      dailyRemaining === 0 ? dailyLimitReached : limitReached,
      highLevelRateLimit,
    );
  };
}
