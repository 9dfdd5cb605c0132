/** A moment as people in a time zone see it. */
export interface LocalTime {
  /** `2026-11-24`. */
  readonly day: string;
  readonly weekday: Weekday;
  /** Since midnight, by the local clock. */
  readonly minutes: number;
}

const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

export type Weekday = (typeof weekdays)[number];

const minuteMs = 60_000;
const dayMinutes = 24 * 60;
/** Largest change of clocks; changes are multiples of a quarter of an hour. */
export const maxClockChangeMs = 3 * 60 * minuteMs;
export const quarterMs = 15 * minuteMs;
const formats = new Map<string, Intl.DateTimeFormat>();

/** Converts a moment to local time. @param zone an IANA name; an unknown one counts as UTC */
export function toLocalTime(atMs: number, zone: string): LocalTime {
  const parts = Object.fromEntries(
    getFormat(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, value]),
  );
  return {
    day: `${parts.year}-${parts.month}-${parts.day}`,
    weekday: (parts.weekday as string).toLowerCase() as Weekday,
    minutes: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

/** Returns whether a name is that of a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function getFormat(zone: string): Intl.DateTimeFormat {
  const cached = formats.get(zone);
  if (cached) return cached;
  const options = {
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  } as const;
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: zone });
  } catch {
    // HighLevel's name is unknown or missing: an hour off is better than no message.
    format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' });
  }
  formats.set(zone, format);
  return format;
}

/** Hours of certain days; a window that ends before it starts spans midnight and belongs to the day on which it starts. */
export interface DailyWindow {
  readonly from: string;
  readonly to: string;
  readonly days: readonly Weekday[];
}

/** Finds the next opening of a window. @returns null when it is open now */
export function findNextOpening(window: DailyWindow, atMs: number, zone: string): number | null {
  if (isOpen(window, atMs, zone)) return null;
  const now = toLocalTime(atMs, zone);
  const from = toMinutes(window.from);
  for (let days = 0; days <= 7; days++) {
    const minutes = days * dayMinutes + from - now.minutes;
    if (minutes <= 0) continue;
    const at = findFirstOpening(window, alignToMinute(atMs + minutes * minuteMs, from, zone), zone);
    if (at !== null && at > atMs) return at;
  }
  // The change of clocks has skipped all of it for a week.
  return atMs + 60 * minuteMs;
}

/** Finds the window's start, or, where the change of clocks skips it, the quarter of an hour at which clocks resume. */
function findFirstOpening(window: DailyWindow, beginMs: number, zone: string): number | null {
  if (isOpen(window, beginMs, zone)) return beginMs;
  const first = Math.floor(beginMs / quarterMs) * quarterMs;
  for (let at = first; at <= first + maxClockChangeMs; at += quarterMs) if (at > beginMs && isOpen(window, at, zone)) return at;
  return null;
}

function isOpen({ from, to, days }: DailyWindow, atMs: number, zone: string): boolean {
  const { weekday, minutes } = toLocalTime(atMs, zone);
  const [start, end] = [toMinutes(from), toMinutes(to)];
  if (start < end) return days.includes(weekday) && minutes >= start && minutes < end;
  if (minutes >= start) return days.includes(weekday);
  return minutes < end && days.includes(getPreviousDay(weekday));
}

/** By name: 24 hours ago need not be yesterday when clocks were changed. */
function getPreviousDay(weekday: Weekday): Weekday {
  return weekdays[(weekdays.indexOf(weekday) + 6) % 7] as Weekday;
}

/** Corrects an estimate for a change of clocks in between, and for the seconds. */
function alignToMinute(estimateMs: number, wantedMinutes: number, zone: string): number {
  const whole = Math.floor(estimateMs / minuteMs) * minuteMs;
  const offsetMinutes = toLocalTime(whole, zone).minutes - wantedMinutes;
  const nearestMinutes =
    offsetMinutes > dayMinutes / 2
      ? offsetMinutes - dayMinutes
      : offsetMinutes < -dayMinutes / 2
        ? offsetMinutes + dayMinutes
        : offsetMinutes;
  return whole - nearestMinutes * minuteMs;
}

function toMinutes(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}
