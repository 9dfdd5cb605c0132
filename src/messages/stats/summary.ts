import { countNames, type DailyStats, type MessageCounts, type ReasonCount, type TimeCount } from './daily-counts.ts';

/** Counts and rates over days and locations. */
export interface StatsSummary extends MessageCounts {
  /** Outbound messages in any state. */
  readonly sent: number;
  /** Inbound messages in any state. */
  readonly received: number;
  /** Delivered share of the delivered and failed messages, from 0 to 1; null when there are neither. */
  readonly deliveryRate: number | null;
  /** Percentiles of the milliseconds from the receipt of a message to its delivery. */
  readonly medianMs: number | null;
  readonly p95Ms: number | null;
  /** The most frequent first. */
  readonly reasons: readonly ReasonCount[];
}

/** Sums up days. */
export function summarizeStats(days: readonly DailyStats[]): StatsSummary {
  const counts = Object.fromEntries(
    countNames.map((name) => [name, days.reduce((sum, day) => sum + day[name], 0)]),
  ) as unknown as MessageCounts;
  const times = mergeTimes(days);
  return {
    ...counts,
    sent: countSent(counts),
    received: counts.posted + counts.postPending + counts.postFailed,
    deliveryRate: computeDeliveryRate(counts),
    medianMs: computePercentile(times, 0.5),
    p95Ms: computePercentile(times, 0.95),
    reasons: mergeReasons(days),
  };
}

/** Sums up each day over all locations, the oldest first. The last date is today in the easternmost time zone among them. */
export function summarizeByDay(days: readonly DailyStats[], maxDays: number): { day: string; statistics: StatsSummary }[] {
  return [...Map.groupBy(days, ({ day }) => day)]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .slice(-maxDays)
    .map(([day, rows]) => ({ day, statistics: summarizeStats(rows) }));
}

export function countSent({ pending, unknown, delivered, read, failed }: MessageCounts): number {
  return pending + unknown + delivered + read + failed;
}

function computeDeliveryRate({ delivered, read, failed }: MessageCounts): number | null {
  const settled = delivered + read + failed;
  return settled === 0 ? null : (delivered + read) / settled;
}

/** Returns the least time within which this fraction of the messages was delivered. @param times ascending */
function computePercentile(times: readonly TimeCount[], fraction: number): number | null {
  const total = times.reduce((sum, [, count]) => sum + count, 0);
  let cumulative = 0;
  for (const [ms, count] of times) {
    cumulative += count;
    if (cumulative >= fraction * total) return ms;
  }
  return null;
}

function mergeTimes(days: readonly DailyStats[]): TimeCount[] {
  const merged = new Map<number, number>();
  for (const { times } of days) for (const [ms, count] of times) merged.set(ms, (merged.get(ms) ?? 0) + count);
  return [...merged].sort(([one], [other]) => one - other);
}

function mergeReasons(days: readonly DailyStats[]): ReasonCount[] {
  const merged = new Map<string, ReasonCount>();
  for (const { reasons } of days) {
    for (const reason of reasons) {
      const key = `${reason.status} ${reason.code}`;
      merged.set(key, { ...reason, count: reason.count + (merged.get(key)?.count ?? 0) });
    }
  }
  return [...merged.values()].sort((one, other) => other.count - one.count);
}
