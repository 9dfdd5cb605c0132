/** A moment as people in a time zone see it. */
export interface LocalTime {
  /** `2026-11-24`. */
  readonly day: string;
  readonly weekday: Weekday;
  /** Since midnight, on the clock's face. */
  readonly minutes: number;
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

const minuteMs = 60_000;
const dayMinutes = 24 * 60;
const formats = new Map<string, Intl.DateTimeFormat>();

/** @param zone an IANA name; one that is not known counts as UTC */
export function localTime(atMs: number, zone: string): LocalTime {
  const parts = Object.fromEntries(
    formatOf(zone)
      .formatToParts(atMs)
      .map(({ type, value }) => [type, value]),
  );
  return {
    day: `${parts.year}-${parts.month}-${parts.day}`,
    weekday: (parts.weekday as string).toLowerCase() as Weekday,
    minutes: Number(parts.hour) * 60 + Number(parts.minute),
  };
}

/** Whether it is the name of a time zone. */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const known = formats.get(zone);
  if (known) return known;
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
    // HighLevel gave it, or nobody did: better an hour off than nothing sent.
    format = new Intl.DateTimeFormat('en-US', { ...options, timeZone: 'UTC' });
  }
  formats.set(zone, format);
  return format;
}

/** Hours of certain days; one that ends before it starts goes over midnight and belongs to the day on which it starts. */
export interface DailyWindow {
  readonly from: string;
  readonly to: string;
  readonly days: readonly Weekday[];
}

/** When a window is open next. @returns null when it is open now */
export function opensAt(window: DailyWindow, atMs: number, zone: string): number | null {
  if (isOpen(window, atMs, zone)) return null;
  const now = localTime(atMs, zone);
  const from = minutesOf(window.from);
  for (let days = 0; days <= 7; days++) {
    const minutes = days * dayMinutes + from - now.minutes;
    if (minutes <= 0) continue;
    const at = onTheMinute(atMs + minutes * minuteMs, from, zone);
    if (at > atMs && window.days.includes(localTime(at, zone).weekday)) return at;
  }
  // A day that the change of clocks has no such time on.
  return atMs + 60 * minuteMs;
}

/** The next midnight of a zone. */
export function nextDayAt(atMs: number, zone: string): number {
  const { minutes } = localTime(atMs, zone);
  return onTheMinute(atMs + (dayMinutes - minutes) * minuteMs, 0, zone);
}

/**
 * When a day begins and ends in a zone.
 *
 * @param day `2026-11-24`
 */
export function dayIn(day: string, zone: string): { since: Date; until: Date } {
  const noonMs = Date.parse(`${day}T12:00:00Z`) - dayMinutes * minuteMs;
  // Far east of Greenwich the day has begun by then.
  const beforeMs = localTime(noonMs, zone).day < day ? noonMs : noonMs - (dayMinutes / 2) * minuteMs;
  const sinceMs = nextDayAt(beforeMs, zone);
  return { since: new Date(sinceMs), until: new Date(nextDayAt(sinceMs, zone)) };
}

function isOpen({ from, to, days }: DailyWindow, atMs: number, zone: string): boolean {
  const { weekday, minutes } = localTime(atMs, zone);
  const [start, end] = [minutesOf(from), minutesOf(to)];
  if (start < end) return days.includes(weekday) && minutes >= start && minutes < end;
  if (minutes >= start) return days.includes(weekday);
  return minutes < end && days.includes(localTime(atMs - dayMinutes * minuteMs, zone).weekday);
}

/** Corrects a guess for a change of clocks on the way, and for the seconds. */
function onTheMinute(guessMs: number, wanted: number, zone: string): number {
  const whole = Math.floor(guessMs / minuteMs) * minuteMs;
  const off = localTime(whole, zone).minutes - wanted;
  const nearest = off > dayMinutes / 2 ? off - dayMinutes : off < -dayMinutes / 2 ? off + dayMinutes : off;
  return whole - nearest * minuteMs;
}

function minutesOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return hours * 60 + minutes;
}
