import { minIdAt } from '../../core/ids.ts';
import { type LocalDay, listLastDays } from '../../core/local-days.ts';
import type { Executor } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';

/** A location and the time zone of its days. */
export interface StatsScope {
  readonly locationId: string;
  readonly zone: string;
}

/** Numbers of messages by status. */
export interface MessageCounts {
  /** Outbound: being sent or waiting; held for review; delivered and not read; read; failed. */
  readonly pending: number;
  readonly unknown: number;
  readonly delivered: number;
  readonly read: number;
  readonly failed: number;
  /** Inbound: in its conversation; not yet; failed. */
  readonly posted: number;
  readonly postPending: number;
  readonly postFailed: number;
}

/** A reason for outbound messages that failed, or are not delivered yet. */
export interface ReasonCount {
  readonly status: 'pending' | 'unknown' | 'failed';
  readonly code: string;
  readonly message: string;
  readonly count: number;
}

/** Number of messages by the time to their delivery: milliseconds, rounded to two digits. */
export type TimeCount = readonly [ms: number, count: number];

/** One day of one location. */
export interface DailyStats extends MessageCounts {
  readonly locationId: string;
  /** `2026-11-24`, in `zone`. */
  readonly day: string;
  readonly zone: string;
  readonly lastSentAt: Date | null;
  readonly lastReceivedAt: Date | null;
  readonly reasons: readonly ReasonCount[];
  readonly times: readonly TimeCount[];
  /** Of these, received by us within the last 24 hours; zero unless requested. */
  readonly lastDay: { readonly sent: number; readonly failed: number };
}

/** A day of a location to be counted. */
export type StatsDay = StatsScope & LocalDay;

/** Number of days that are stored and shown, today included. */
export const statsWindowDays = 14;
const maxReasons = 20;

/** Columns of counts, by the direction and the status of the messages. */
const columns: Readonly<Record<string, keyof MessageCounts>> = {
  'outbound pending': 'pending',
  'outbound unknown': 'unknown',
  'outbound delivered': 'delivered',
  'outbound read': 'read',
  'outbound failed': 'failed',
  'inbound pending': 'postPending',
  'inbound unknown': 'postPending',
  'inbound delivered': 'posted',
  'inbound read': 'posted',
  'inbound failed': 'postFailed',
};

export const countNames = [...new Set(Object.values(columns))];

/** Lists the days of locations that are counted. The days of a time zone are computed once. */
export function listDays(scopes: readonly StatsScope[], now: Date): StatsDay[] {
  const daysByZone = new Map<string, LocalDay[]>();
  return scopes.flatMap((scope) => {
    const days = daysByZone.get(scope.zone) ?? listLastDays(now, scope.zone, statsWindowDays);
    daysByZone.set(scope.zone, days);
    return days.map((day) => ({ ...day, ...scope }));
  });
}

/**
 * Counts days from the messages themselves, in one statement with one index range per day. Test messages are counted too, because the log
 * shows them.
 *
 * @param options `lastDayFrom`: start of the last 24 hours. `details`: with reasons and times, which doubles the cost.
 */
export async function countFromMessages(
  on: Executor,
  days: readonly StatsDay[],
  { lastDayFrom = null, details = true }: { lastDayFrom?: Date | null; details?: boolean } = {},
): Promise<DailyStats[]> {
  if (days.length === 0) return [];
  const wanted = days.map(({ locationId, from, to }, n) => ({ n, locationId, from: minIdAt(from), to: minIdAt(to) }));
  const groups = await queryJsonRows<CountGroup>(
    on,
    countSql,
    [JSON.stringify(wanted), lastDayFrom ? minIdAt(lastDayFrom) : lastId, details],
    { lastAt: 'time' },
  );
  const byDay = Map.groupBy(groups, ({ n }) => n);
  return days.map((day, n) => toDailyStats(day, byDay.get(n) ?? []));
}

interface CountGroup {
  n: number;
  direction: string;
  status: string;
  code: string | null;
  message: string | null;
  ms: number | null;
  count: number;
  recent: number;
  lastAt: Date;
}

const lastId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/**
 * Counts the messages of days by status and reason. Delivery times are rounded to two digits: rounding keeps the order, so a percentile of
 * rounded times is the rounded percentile. `OFFSET 0` keeps PostgreSQL from inlining the subquery, which would compute its expressions once
 * for each use.
 */
const countSql = `
  SELECT d.n, counted.* FROM json_to_recordset($1::json) AS d (n int, "locationId" text, "from" uuid, "to" uuid)
  CROSS JOIN LATERAL (
    SELECT direction, CASE WHEN state = 'pending' AND is_unknown THEN 'unknown' ELSE state::text END AS status,
      CASE WHEN is_open THEN reason_code END AS code,
      CASE WHEN state NOT IN ('delivered', 'read') THEN NULL
        WHEN ms < 1000 THEN (ms + 5) / 10 * 10 WHEN ms < 10000 THEN (ms + 50) / 100 * 100
        WHEN ms < 100000 THEN (ms + 500) / 1000 * 1000 WHEN ms < 1000000 THEN (ms + 5000) / 10000 * 10000
        WHEN ms < 10000000 THEN (ms + 50000) / 100000 * 100000 ELSE (ms + 500000) / 1000000 * 1000000 END AS ms,
      max(CASE WHEN is_open THEN reason END) AS message, count(*)::int AS count, (count(*) FILTER (WHERE id >= $2::uuid))::int AS recent,
      max(created_at) AS "lastAt"
    FROM (
      SELECT m.id, m.direction, m.state, m.held_for_review_at IS NOT NULL AS is_unknown, $3::boolean AND m.state IN ('pending', 'failed') AS is_open,
        m.reason_code, m.reason, m.created_at,
        CASE WHEN $3::boolean AND m.direction = 'outbound' THEN (date_part('epoch', m.delivered_at - m.created_at) * 1000)::bigint END AS ms
      FROM messages m WHERE m.location_id = d."locationId" AND m.id >= d."from" AND m.id < d."to" OFFSET 0) AS each
    GROUP BY 1, 2, 3, 4) AS counted`;

function toDailyStats({ locationId, day, zone }: StatsDay, groups: readonly CountGroup[]): DailyStats {
  const counts = Object.fromEntries(countNames.map((name) => [name, 0])) as Record<keyof MessageCounts, number>;
  const times = new Map<number, number>();
  const reasons: ReasonCount[] = [];
  const last: Record<string, Date | null> = { outbound: null, inbound: null };
  const lastDay = { sent: 0, failed: 0 };
  for (const { direction, status, code, message, ms, count, recent, lastAt } of groups) {
    const column = columns[`${direction} ${status}`] as keyof MessageCounts;
    counts[column] += count;
    if (lastAt > (last[direction] ?? 0)) last[direction] = lastAt;
    if (direction === 'inbound') continue;
    lastDay.sent += recent;
    if (column === 'failed') lastDay.failed += recent;
    if (ms !== null) times.set(ms, (times.get(ms) ?? 0) + count);
    if (code !== null) reasons.push({ status: status as ReasonCount['status'], code, message: message ?? code, count });
  }
  return {
    locationId,
    day,
    zone,
    ...counts,
    lastSentAt: last.outbound ?? null,
    lastReceivedAt: last.inbound ?? null,
    reasons: reasons.sort((one, other) => other.count - one.count).slice(0, maxReasons),
    times: [...times].sort(([one], [other]) => one - other),
    lastDay,
  };
}
