import type { Clock } from '../../core/clock.ts';

/** How old a message must be before HighLevel is likely to know it, learnt from its answers. */
export interface ReportDelay {
  /** Milliseconds after its webhook. */
  currentMs(): number;
  /** HighLevel did not know a message of this age. */
  recordTooEarly(ageMs: number): void;
  /** HighLevel knew a message of this age when it was first told of it. */
  recordAccepted(ageMs: number): void;
}

const initialDelayMs = 2_000;
const maxDelayMs = 10_000;

/**
 * HighLevel knows a message only 5 to 10 seconds after its webhook (platform.md 4.1), and a report before that is a call of the
 * location's limit for nothing. So the first report waits: a second longer after each report that came too early, a little less after
 * each that did not. Where HighLevel knows its messages at once, the wait goes to nothing.
 */
export function createReportDelay(): ReportDelay {
  let delayMs = initialDelayMs;
  return {
    currentMs: () => delayMs,
    recordTooEarly(ageMs) {
      delayMs = Math.min(Math.max(delayMs, ageMs + 1_000), maxDelayMs);
    },
    recordAccepted(ageMs) {
      // That it knows an old message says nothing of a new one.
      if (ageMs > maxDelayMs) return;
      delayMs = Math.max(delayMs - 50, 0);
    },
  };
}

/** Returns when HighLevel is likely to know a message; never later than if it came now, as the clock may have been set back since. */
export function getEarliestReportAt({ clock, reportDelay }: { clock: Clock; reportDelay: ReportDelay }, createdAt: Date): Date {
  return new Date(Math.min(createdAt.getTime(), clock.now()) + reportDelay.currentMs());
}
