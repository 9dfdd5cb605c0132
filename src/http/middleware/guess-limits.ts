import { RateLimiterMemory } from 'rate-limiter-flexible';
import type { GuessKind } from '../../alerts/guesses.ts';
import type { Clock } from '../../core/clock.ts';
import { toNetwork } from '../../core/network.ts';
import { tooManyRequests } from './rate-limit.ts';

export interface GuessLimitDeps {
  clock: Clock;
  /** Told of every wrong guess; it must cost nothing. */
  onGuess(kind: GuessKind, network: string): void;
}

export interface GuessLimits {
  /** Refuses a network that has guessed too often of late. @throws AppError `too_many_requests` */
  check(kind: GuessKind, address: string | undefined): Promise<void>;
  /** Counts a wrong guess. Resolves when its response may leave: at once, or later while all guess a lot. */
  count(kind: GuessKind, address: string | undefined): Promise<void>;
}

/** Of one network and kind: a guess at one thing never shuts out a caller who has another. */
const perNetwork = { points: 20, duration: 60 };
/** Of all networks together, in this process: from here on each further guess is answered later than the one before. */
const unhurriedPerMinute = 600;
const delayMsEach = 20;
const maxDelayMs = 5_000;
/** Responses that wait at once; a flood must not collect open sockets. */
const maxDelayed = 500;

/** Creates the limits on guesses at tokens and user contexts, for one process. Only what was compared and found wrong is counted. */
export function createGuessLimits({ clock, onGuess }: GuessLimitDeps): GuessLimits {
  const failures = new RateLimiterMemory(perNetwork);
  const keyOf = (kind: GuessKind, network: string) => `${kind}/${network}`;
  let minute = 0;
  let inMinute = 0;
  let delayed = 0;

  /** How long the next response waits. */
  function nextDelayMs(): number {
    const now = Math.floor(clock.now() / 60_000);
    if (now !== minute) {
      // Half of what came before counts on, so that a flood does not begin afresh with each minute.
      inMinute = now === minute + 1 ? Math.floor(inMinute / 2) : 0;
      minute = now;
    }
    inMinute += 1;
    return Math.min(Math.max(inMinute - unhurriedPerMinute, 0) * delayMsEach, maxDelayMs);
  }

  return {
    async check(kind, address) {
      const spent = await failures.get(keyOf(kind, toNetwork(address, 64)));
      if (spent && spent.consumedPoints >= perNetwork.points) throw tooManyRequests(spent.msBeforeNext);
    },

    async count(kind, address) {
      const network = toNetwork(address, 64);
      onGuess(kind, network);
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
