import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { AuthFailureKind } from '../../alerts/rules/auth-failures.ts';
import type { Clock } from '../../core/clock.ts';
import { toNetwork } from '../../core/network.ts';
import { createRateLimitError } from './rate-limit.ts';

export interface AuthFailureLimitDeps {
  clock: Clock;
  /** Told of every wrong guess; it must cost nothing. */
  onAuthFailure(kind: AuthFailureKind, network: string): void;
}

export interface AuthFailureLimit {
  /** Refuses a network that has guessed too often of late. @throws AppError `too_many_requests` */
  check(kind: AuthFailureKind, address: string | undefined): Promise<void>;
  /** Counts a wrong guess. Resolves when its response may leave: at once, or later while all guess a lot. */
  recordFailure(kind: AuthFailureKind, address: string | undefined): Promise<void>;
}

/** Of one network and kind: a guess at one thing never shuts out a caller who has another. */
const networkLimit = { points: 20, duration: 60 };
/** Of all networks together, in this process: from here on each further guess is answered later than the one before. */
const undelayedPerMinute = 600;
const delayStepMs = 20;
const maxDelayMs = 5_000;
/** Responses that wait at once; a flood must not collect open sockets. */
const maxDelayed = 500;

/** Creates the limits on guesses at tokens and user contexts, for one process. Only what was compared and found wrong is counted. */
export function createAuthFailureLimit({ clock, onAuthFailure }: AuthFailureLimitDeps): AuthFailureLimit {
  const failures = new RateLimiterMemory(networkLimit);
  const keyOf = (kind: AuthFailureKind, network: string) => `${kind}/${network}`;
  let minute = 0;
  let minuteCount = 0;
  let delayed = 0;

  /** How long the next response waits. */
  function nextDelayMs(): number {
    const now = Math.floor(clock.now() / 60_000);
    if (now !== minute) {
      // Half of what came before counts on, so that a flood does not begin afresh with each minute.
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
      onAuthFailure(kind, network);
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
