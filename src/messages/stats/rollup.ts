import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database, Executor } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import {
  countFromMessages,
  type DailyStats,
  listDays,
  type StatsDay,
  type StatsScope,
  statsWindowDays,
} from './daily-counts.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** Late receipts and resends change old days, so these are counted again this often, and hourly while messages of theirs wait. */
const recountIntervalMs = 20 * hourMs;
const pendingRecountIntervalMs = hourMs / 2;
const daysPerBatch = 200;
const locationsPerBatch = 500;

/**
 * Loads the last fourteen days of locations. Today and yesterday, which still change much, are counted now. Older days are as stored by the
 * last count, at most a day ago, or counted now if they are not stored yet.
 *
 * @param details with reasons and times; without, both are empty
 */
export async function loadDailyStats(
  on: Executor,
  scopes: readonly StatsScope[],
  now: Date,
  { details }: { details: boolean },
): Promise<DailyStats[]> {
  const days = listDays(scopes, now);
  const lastDayFrom = new Date(now.getTime() - dayMs);
  const stored = new Map<string, DailyStats>((await loadStoredDays(on, scopes, days, details)).map((row) => [keyOf(row), row]));
  const isStored = (day: StatsDay) => day.to <= lastDayFrom && stored.get(keyOf(day))?.zone === day.zone;
  const fresh = await countFromMessages(
    on,
    days.filter((day) => !isStored(day)),
    { lastDayFrom, details },
  );
  for (const row of fresh) stored.set(keyOf(row), row);
  return days.flatMap((day) => stored.get(keyOf(day)) ?? []);
}

/**
 * Counts and stores, once an hour and in one process, past days that are not stored yet or were stored too long ago.
 *
 * @returns the number of days counted
 */
export async function rollUpDailyStats(deps: { db: Database; clock: Clock }): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'daily_stats', hourMs))) return 0;
  const { client } = deps.db;
  const now = dateNow(deps.clock);
  let counted = 0;
  for (let after = ''; ; ) {
    const rows = await client.installation.findMany({
      where: { kind: 'location', status: { notIn: ['pending', 'uninstalled'] }, resourceId: { gt: after } },
      select: { resourceId: true, timezone: true },
      orderBy: { resourceId: 'asc' },
      take: locationsPerBatch,
    });
    const due = await findDueDays(client, rows.map(toStatsScope), now);
    for (let n = 0; n < due.length; n += daysPerBatch) await rollUpDays(client, due.slice(n, n + daysPerBatch), now);
    counted += due.length;
    const last = rows.at(-1);
    if (rows.length < locationsPerBatch || !last) break;
    after = last.resourceId;
  }
  await client.dailyStats.deleteMany({ where: { day: { lt: new Date(now.getTime() - (statsWindowDays + 2) * dayMs) } } });
  return counted;
}

/** Returns a location with the time zone of its days: its own, or UTC if that is unknown. */
export function toStatsScope({ resourceId, timezone }: { resourceId: string; timezone: string | null }): StatsScope {
  return { locationId: resourceId, zone: timezone ?? 'UTC' };
}

async function findDueDays(on: Executor, scopes: readonly StatsScope[], now: Date): Promise<StatsDay[]> {
  const days = listDays(scopes, now).filter(({ to }) => to.getTime() <= now.getTime() - dayMs);
  const storedByKey = new Map((await loadStoredDays(on, scopes, days, false)).map((row) => [keyOf(row), row]));
  return days.filter((day) => {
    const row = storedByKey.get(keyOf(day));
    if (row?.zone !== day.zone) return true;
    const hasPending = row.pending + row.unknown + row.postPending > 0;
    return now.getTime() - row.countedAt.getTime() > (hasPending ? pendingRecountIntervalMs : recountIntervalMs);
  });
}

type StoredDay = DailyStats & { readonly countedAt: Date };

async function loadStoredDays(
  on: Executor,
  scopes: readonly StatsScope[],
  days: readonly StatsDay[],
  details: boolean,
): Promise<StoredDay[]> {
  const [first = ''] = days.map(({ day }) => day).sort();
  if (first === '') return [];
  const rows = await queryJsonRows<StoredDay>(on, selectDaysSql, [scopes.map(({ locationId }) => locationId), first, details], {
    lastSentAt: 'time',
    lastReceivedAt: 'time',
    countedAt: 'time',
    reasons: 'list',
    times: 'list',
  });
  return rows.map((row) => ({ ...row, lastDay: { sent: 0, failed: 0 } }));
}

const selectDaysSql = `
  SELECT location_id AS "locationId", day::text AS day, timezone AS zone, pending, unknown, delivered, read, failed, posted,
    post_pending AS "postPending", post_failed AS "postFailed", last_sent_at AS "lastSentAt", last_received_at AS "lastReceivedAt",
    counted_at AS "countedAt", CASE WHEN $3::boolean THEN reasons ELSE '[]' END AS reasons,
    CASE WHEN $3::boolean THEN delivery_times ELSE '[]' END AS times
  FROM daily_stats WHERE location_id = ANY ($1::text[]) AND day >= $2::date`;

async function rollUpDays(on: Executor, days: readonly StatsDay[], now: Date): Promise<void> {
  const rows = await countFromMessages(on, days);
  await on.$executeRawUnsafe(storeDaysSql, JSON.stringify(rows), now);
}

const storeDaysSql = `
  INSERT INTO daily_stats (location_id, day, timezone, pending, unknown, delivered, read, failed, posted, post_pending, post_failed,
    last_sent_at, last_received_at, reasons, delivery_times, counted_at)
  SELECT "locationId", day, zone, pending, unknown, delivered, read, failed, posted, "postPending", "postFailed",
    "lastSentAt", "lastReceivedAt", reasons, times, $2::timestamptz
  FROM json_to_recordset($1::json) AS row ("locationId" text, day date, zone text, pending int, unknown int, delivered int, read int,
    failed int, posted int, "postPending" int, "postFailed" int, "lastSentAt" timestamptz, "lastReceivedAt" timestamptz,
    reasons jsonb, times jsonb)
  ON CONFLICT (location_id, day) DO UPDATE SET timezone = EXCLUDED.timezone, pending = EXCLUDED.pending, unknown = EXCLUDED.unknown,
    delivered = EXCLUDED.delivered, read = EXCLUDED.read, failed = EXCLUDED.failed, posted = EXCLUDED.posted,
    post_pending = EXCLUDED.post_pending, post_failed = EXCLUDED.post_failed, last_sent_at = EXCLUDED.last_sent_at,
    last_received_at = EXCLUDED.last_received_at, reasons = EXCLUDED.reasons, delivery_times = EXCLUDED.delivery_times,
    counted_at = EXCLUDED.counted_at`;

function keyOf({ locationId, day }: { locationId: string; day: string }): string {
  return `${day} ${locationId}`;
}
