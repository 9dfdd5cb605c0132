import type { Clock } from '../core/clock.ts';

/** How old a message must be before HighLevel is likely to know it, learnt from its answers. */
export interface KnownAfter {
  /** Milliseconds after its webhook. */
  ms(): number;
  /** HighLevel did not know a message of this age. */
  tooEarly(ageMs: number): void;
  /** HighLevel knew a message of this age when it was first told of it. */
  known(ageMs: number): void;
}

const startMs = 2_000;
const mostMs = 10_000;

/**
 * HighLevel knows a message only 5 to 10 seconds after its webhook (platform.md 4.1), and a report before that is a call of the
 * location's limit for nothing. So the first report waits: a second longer after each report that came too early, a little less after
 * each that did not. Where HighLevel knows its messages at once, the wait goes to nothing.
 */
export function knownAfter(): KnownAfter {
  let waitMs = startMs;
  return {
    ms: () => waitMs,
    tooEarly(ageMs) {
      waitMs = Math.min(Math.max(waitMs, ageMs + 1_000), mostMs);
    },
    known(ageMs) {
      // That it knows an old message says nothing of a new one.
      if (ageMs > mostMs) return;
      waitMs = Math.max(waitMs - 50, 0);
    },
  };
}

/** Returns when HighLevel is likely to know a message; never later than if it came now, as the clock may have been set back since. */
export function knownAt({ clock, knownAfter }: { clock: Clock; knownAfter: KnownAfter }, createdAt: Date): Date {
  return new Date(Math.min(createdAt.getTime(), clock.now()) + knownAfter.ms());
}
