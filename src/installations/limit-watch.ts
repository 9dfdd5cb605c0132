import type { Clock } from '../core/clock.ts';
import { computeOutageDelayMs } from '../core/retry-schedule.ts';
import type { Database } from '../database/client.ts';
import type { HighLevelAnswer, TokenOwner } from '../highlevel/client.ts';
import { highLevelLimit, restAfter } from '../highlevel/rate-limit.ts';
import { breakerCodes, pause, rateLimitKey, recordQuota, resume } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';

const noteEveryMs = 60_000;

const usedUp = { code: 'highlevel_limit', message: 'The CRM takes no more requests from this location for now.' };
export const dayUsedUp = {
  code: breakerCodes.quotaUsed,
  message: 'The CRM’s daily limit of requests for this location is used up; work goes on when it renews.',
};
const outage = { code: breakerCodes.outage, message: 'The CRM does not answer at present; work goes on when it does.' };

/** So many failures in a row are an outage. */
const outageAfter = 5;
/** How long an outage can have been over before it is noticed. */
const outageCheckMs = 60_000;

/**
 * Reads out of HighLevel's answers how its limits stand (platform.md 5.9) and whether it works at all. What is used up, or down, rests:
 * then one call finds out for all that wait, instead of each for itself. What is left of the day is noted now and then.
 */
export function limitWatch(deps: { db: Database; clock: Clock; log: Log; jitter: () => number }) {
  const notedAt = new Map<string, number>();
  const failing = new Map<string, { since: number; count: number }>();

  async function failed(owner: TokenOwner, key: string, now: number): Promise<void> {
    const { since, count } = failing.get(key) ?? { since: now, count: 0 };
    failing.set(key, { since, count: count + 1 });
    if (count + 1 < outageAfter) return;
    const restMs = Math.min(computeOutageDelayMs(now - since, deps.jitter()), outageCheckMs);
    deps.log.warn({ ...owner, restMs }, 'HighLevel does not answer for this owner');
    await pause(deps, key, new Date(now + restMs), outage, highLevelLimit);
  }

  /** @param answer null for none */
  return async (owner: TokenOwner, answer: HighLevelAnswer | null): Promise<void> => {
    const key = rateLimitKey.highLevel(owner);
    const now = deps.clock.now();
    // A 500 may be of this very request and says nothing of HighLevel (platform.md 4.1).
    if (answer?.status === 500) return;
    if (!answer || answer.status > 500) return failed(owner, key, now);
    const { limits } = answer;
    const { remainingToday } = limits;
    const isDue = remainingToday === 0 || now - (notedAt.get(key) ?? 0) >= noteEveryMs;
    if (isDue) notedAt.set(key, now);
    if (isDue && remainingToday !== null) await recordQuota(deps, key, remainingToday);
    const { count = 0 } = failing.get(key) ?? {};
    failing.delete(key);
    const restMs = restAfter(limits, answer.status === 429);
    if (restMs === 0) {
      // Asks now and then although this process has seen no rest: another one may have, and be gone.
      if (isDue || count >= outageAfter) await resume(deps, key);
      return;
    }
    deps.log.warn({ ...owner, restMs, ...limits }, 'HighLevel’s limit is used up');
    await pause(deps, key, new Date(now + restMs), remainingToday === 0 ? dayUsedUp : usedUp, highLevelLimit);
  };
}
