import type { Clock } from '../../core/clock.ts';
import type { Behaviour } from './world.ts';

const burstMs = 10_000;
const dayMs = 24 * 60 * 60 * 1000;

/** Counts a location's or company's requests over any 10 seconds, which is stricter than a window that restarts (platform.md 5.9). */
export function createRequestLimits(clock: Clock, behaviour: Behaviour) {
  const requestTimes = new Map<string, number[]>();
  const days = new Map<string, { day: number; count: number }>();

  return {
    /** Counts a request. @returns whether it is allowed, and the headers of every response */
    tryAcquire(resourceId: string): { isAllowed: boolean; headers: Record<string, string> } {
      const { burstLimit, dailyLimit } = behaviour;
      if (burstLimit === null) return { isAllowed: true, headers: {} };
      const now = clock.now();
      const recent = (requestTimes.get(resourceId) ?? []).filter((at) => at > now - burstMs);
      const day = Math.floor(now / dayMs);
      const today = days.get(resourceId)?.day === day ? (days.get(resourceId)?.count ?? 0) : 0;
      const isAllowed = recent.length < burstLimit && today < dailyLimit;
      if (isAllowed) {
        recent.push(now);
        days.set(resourceId, { day, count: today + 1 });
      }
      requestTimes.set(resourceId, recent);
      return {
        isAllowed,
        headers: {
          'X-RateLimit-Limit-Daily': String(dailyLimit),
          'X-RateLimit-Daily-Remaining': String(Math.max(dailyLimit - today - (isAllowed ? 1 : 0), 0)),
          'X-RateLimit-Interval-Milliseconds': String(burstMs),
          'X-RateLimit-Max': String(burstLimit),
          'X-RateLimit-Remaining': String(burstLimit - recent.length),
        },
      };
    },
  };
}
