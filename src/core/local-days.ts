import { maxClockChangeMs, quarterMs, toLocalTime } from './local-time.ts';

/** One day of a time zone, and the moments between which it lies. */
export interface LocalDay {
  /** `2026-11-24`. */
  readonly day: string;
  readonly from: Date;
  /** The first moment of the next day. */
  readonly to: Date;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/**
 * Lists the last days of a time zone, today's last. A day has 23 or 25 hours where clocks are changed, and need not begin at midnight
 * there.
 *
 * @param zone an IANA name; an unknown one counts as UTC
 */
export function listLastDays(now: Date, zone: string, count: number): LocalDay[] {
  const days: LocalDay[] = [];
  let to = findNextDayStart(now.getTime(), zone);
  for (let left = count; left > 0; left--) {
    const from = findDayStart(to - 1, zone);
    days.unshift({ day: toLocalTime(to - 1, zone).day, from: new Date(from), to: new Date(to) });
    to = from;
  }
  return days;
}

/** Finds the start of the day that a moment lies in. */
function findDayStart(atMs: number, zone: string): number {
  const { day, minutes } = toLocalTime(atMs, zone);
  const isIn = (ms: number) => toLocalTime(ms, zone).day === day;
  const midnight = Math.floor((atMs - minutes * minuteMs) / minuteMs) * minuteMs;
  if (isIn(midnight) && !isIn(midnight - 1)) return midnight;
  // Clocks were changed in between: the day begins with the first quarter of an hour that has its date.
  const first = Math.floor(midnight / quarterMs) * quarterMs - maxClockChangeMs;
  for (let at = first; at < atMs; at += quarterMs) if (isIn(at)) return at;
  return midnight;
}

/** Finds the start of the next day of a zone, mostly midnight. */
export function findNextDayStart(atMs: number, zone: string): number {
  // Late enough for a day of 25 hours, early enough for one of 23.
  return findDayStart(findDayStart(atMs, zone) + dayMs + maxClockChangeMs, zone);
}

/**
 * Returns the start and the end of a day in a zone.
 *
 * @param day `2026-11-24`
 */
export function getDayRange(day: string, zone: string): { since: Date; until: Date } {
  const noonMs = Date.parse(`${day}T12:00:00Z`) - dayMs;
  // Far east of Greenwich the day has started by then.
  const beforeMs = toLocalTime(noonMs, zone).day < day ? noonMs : noonMs - dayMs / 2;
  const sinceMs = findNextDayStart(beforeMs, zone);
  return { since: new Date(sinceMs), until: new Date(findNextDayStart(sinceMs, zone)) };
}
