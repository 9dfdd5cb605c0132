import type { Clock } from '../core/clock.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import type { HighLevelResponse, TokenOwner } from '../highlevel/client.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { highLevelRateLimit, pauseAfterResponse } from '../highlevel/rate-limit.ts';
import { breakerCodes, pause, recordQuota, resume } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';

const recordIntervalMs = 60_000;

const limitReached = { code: 'highlevel_limit', message: 'The CRM’s rate limit for this location is used up.' };
export const dailyLimitReached = {
  code: breakerCodes.quotaUsed,
  message: 'The CRM’s daily quota of requests for this location is used up. Sending resumes when the quota renews.',
};
const outage = { code: breakerCodes.outage, message: 'The CRM is not responding. Sending resumes when it responds again.' };

/** Successive failures that count as an outage. */
const outageThreshold = 5;
/** Maximum delay until the end of an outage is noticed. */
const outageCheckMs = 60_000;

/**
 * Creates the recorder of HighLevel's responses, which reads its rate limits (platform.md 5.9) and detects outages. At a used-up limit or
 * in an outage it pauses the owner's group, and a single trial call (half-open) ends the pause for all waiting jobs. It records the rest
 * of the daily quota at most once a minute.
 */
export function createRateLimitFeedback(deps: { db: Database; clock: Clock; log: Log; jitter: () => number }) {
  const recordedAt = new Map<string, number>();
  const failures = new Map<string, { since: number; count: number }>();

  async function recordFailure(owner: TokenOwner, key: string, now: number): Promise<void> {
    const { since, count } = failures.get(key) ?? { since: now, count: 0 };
    failures.set(key, { since, count: count + 1 });
    if (count + 1 < outageThreshold) return;
    const pauseMs = Math.min(computeOutageDelayMs(now - since, deps.jitter()), outageCheckMs);
    deps.log.warn({ ...owner, pauseMs }, 'HighLevel does not respond for this owner');
    await pause(deps, key, new Date(now + pauseMs), outage, highLevelRateLimit);
  }

  /** @param response null without a response */
  return async (owner: TokenOwner, response: HighLevelResponse | null): Promise<void> => {
    const key = toHighLevelGroupKey(owner);
    const now = deps.clock.now();
    // A 500 may be caused by this request and does not prove an outage (platform.md 4.1).
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
      // Another process may have set a pause and died: check now and then.
      if (isDue || count >= outageThreshold) await resume(deps, key);
      return;
    }
    deps.log.warn({ ...owner, pauseMs, ...limits }, 'HighLevel’s rate limit is used up');
    await pause(
      deps,
      key,
      new Date(now + pauseMs),
      dailyRemaining === 0 ? dailyLimitReached : limitReached,
      highLevelRateLimit,
    );
  };
}
