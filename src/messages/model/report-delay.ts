import type { Clock } from '../../core/clock.ts';

/** The age from which HighLevel is likely to know a message, adapted to its responses. */
export interface ReportDelay {
  /** Milliseconds after its webhook. */
  currentMs(): number;
  /** Records that HighLevel did not know a message of this age. */
  recordTooEarly(ageMs: number): void;
  /** Records that HighLevel accepted the first report of a message of this age. */
  recordAccepted(ageMs: number): void;
}

const initialDelayMs = 2_000;
const maxDelayMs = 10_000;

/**
 * Creates the delay of first reports. HighLevel knows a message only 5 to 10 seconds after its webhook (platform.md 4.1), and an earlier
 * report wastes a call of the location's limit. The delay grows to a second more than the age of each report that came too early, and
 * shrinks a little after each that did not. Where HighLevel knows its messages at once, the delay shrinks to zero.
 */
export function createReportDelay(): ReportDelay {
  let delayMs = initialDelayMs;
  return {
    currentMs: () => delayMs,
    recordTooEarly(ageMs) {
      delayMs = Math.min(Math.max(delayMs, ageMs + 1_000), maxDelayMs);
    },
    recordAccepted(ageMs) {
      // An old message is no evidence about new ones.
      if (ageMs > maxDelayMs) return;
      delayMs = Math.max(delayMs - 50, 0);
    },
  };
}

/** Returns when HighLevel is likely to know a message; never later than for a message of now, as the clock may have been set back since. */
export function getEarliestReportAt({ clock, reportDelay }: { clock: Clock; reportDelay: ReportDelay }, createdAt: Date): Date {
  return new Date(Math.min(createdAt.getTime(), clock.now()) + reportDelay.currentMs());
}
