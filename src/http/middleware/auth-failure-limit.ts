import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { AuthFailureKind } from '../../alerts/rules/auth-failures.ts';
import type { Alerts } from '../../compose/alerts.ts';
import type { Clock } from '../../core/clock.ts';
import { toNetwork } from '../../core/network.ts';
import { createRateLimitError } from './rate-limit.ts';

export interface AuthFailureLimitDeps {
  clock: Clock;
  alerts: Pick<Alerts, 'recordAuthFailure'>;
}

export interface AuthFailureLimit {
  /** Rejects a network with too many recent failures. @throws AppError `too_many_requests` */
  check(kind: AuthFailureKind, address: string | undefined): Promise<void>;
  /** Counts a failure. Resolves when its response may be sent: at once, or later while failures flood in. */
  recordFailure(kind: AuthFailureKind, address: string | undefined): Promise<void>;
}

/** Counted by network and kind: failures with one kind of token never lock out a caller with another. */
const networkLimit = { points: 20, duration: 60 };
/** Failures of all networks in this process: above this number, each response is delayed more than the one before. */
const undelayedPerMinute = 600;
const delayStepMs = 20;
const maxDelayMs = 5_000;
/** Maximum number of delayed responses: a flood must not collect open sockets. */
const maxDelayed = 500;

/** Creates the limits on failed tokens and user contexts, for one process. Only a token that was compared and did not match counts. */
export function createAuthFailureLimit({ clock, alerts }: AuthFailureLimitDeps): AuthFailureLimit {
  const failures = new RateLimiterMemory(networkLimit);
  const keyOf = (kind: AuthFailureKind, network: string) => `${kind}/${network}`;
  let minute = 0;
  let minuteCount = 0;
  let delayed = 0;

  /** Computes the delay of the next response. */
  function nextDelayMs(): number {
    const now = Math.floor(clock.now() / 60_000);
    if (now !== minute) {
      // Carries over half of the last minute's count, so that a flood is not undelayed again each minute.
      minuteCount = now === minute + 1 ? Math.floor(minuteCount / 2) : 0;
      minute = now;
    }
    minuteCount += 1;
    return Math.min(Math.max(minuteCount - undelayedPerMinute, 0) * delayStepMs, maxDelayMs);
  }

  return {
    async check(kind, address) {
      const counter = await failures.get(keyOf(kind, toNetwork(address, 64)));
      if (counter && counter.consumedPoints >= networkLimit.points) throw createRateLimitError(counter.msBeforeNext);
    },

    async recordFailure(kind, address) {
      const network = toNetwork(address, 64);
      alerts.recordAuthFailure(kind, network);
      await failures.penalty(keyOf(kind, network));
      const delayMs = nextDelayMs();
      if (delayMs === 0 || delayed >= maxDelayed) return;
      delayed += 1;
      await new Promise<void>((done) => {
        clock.setTimeout(done, delayMs);
      });
      delayed -= 1;
    },
  };
}
