import { type Counts, countNames, type DayCounts, type ReasonCount, type TimeCount } from './day-counts.ts';

/** What became of messages, of however many days and locations. */
export interface Statistics extends Counts {
  /** Outbound messages, whatever became of them. */
  readonly sent: number;
  /** Inbound messages, whatever became of them. */
  readonly received: number;
  /** Of those whose outcome is known, the part that arrived, from 0 to 1; null when none is known. */
  readonly deliveryRate: number | null;
  /** Milliseconds from the receipt of the message to its delivery, for half of them and for 95 of 100. */
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  /** The most frequent first. */
  readonly reasons: readonly ReasonCount[];
}

/** All of it together. */
export function statisticsOf(days: readonly DayCounts[]): Statistics {
  const counts = Object.fromEntries(
    countNames.map((name) => [name, days.reduce((sum, day) => sum + day[name], 0)]),
  ) as unknown as Counts;
  const times = mergedTimes(days);
  return {
    ...counts,
    sent: sentOf(counts),
    received: counts.posted + counts.postPending + counts.postFailed,
    deliveryRate: deliveryRateOf(counts),
    medianMs: percentileOf(times, 0.5),
    p95Ms: percentileOf(times, 0.95),
    reasons: mergedReasons(days),
  };
}

/** Day by day, over all locations, the oldest first. The last date is the day that is today somewhere. */
export function statisticsByDay(days: readonly DayCounts[], atMost: number): { day: string; statistics: Statistics }[] {
  return [...Map.groupBy(days, ({ day }) => day)]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .slice(-atMost)
    .map(([day, rows]) => ({ day, statistics: statisticsOf(rows) }));
}

export function sentOf({ pending, unknown, delivered, read, failed }: Counts): number {
  return pending + unknown + delivered + read + failed;
}

export function deliveryRateOf({ delivered, read, failed }: Counts): number | null {
  const known = delivered + read + failed;
  return known === 0 ? null : (delivered + read) / known;
}

/** The least time within which this part of the messages was delivered. @param times ascending */
export function percentileOf(times: readonly TimeCount[], part: number): number | null {
  const total = times.reduce((sum, [, count]) => sum + count, 0);
  let seen = 0;
  for (const [ms, count] of times) {
    seen += count;
    if (seen >= part * total) return ms;
  }
  return null;
}

function mergedTimes(days: readonly DayCounts[]): TimeCount[] {
  const merged = new Map<number, number>();
  for (const { times } of days) for (const [ms, count] of times) merged.set(ms, (merged.get(ms) ?? 0) + count);
  return [...merged].sort(([one], [other]) => one - other);
}

function mergedReasons(days: readonly DayCounts[]): ReasonCount[] {
  const merged = new Map<string, ReasonCount>();
  for (const { reasons } of days) {
    for (const reason of reasons) {
      const key = `${reason.status} ${reason.code}`;
      merged.set(key, { ...reason, count: reason.count + (merged.get(key)?.count ?? 0) });
    }
  }
  return [...merged.values()].sort((one, other) => other.count - one.count);
}
