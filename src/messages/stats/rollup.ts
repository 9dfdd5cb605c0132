import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database, Executor } from '../../database/client.ts';
import { queryJsonRows } from '../../database/json-rows.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import {
  countFromMessages,
  countNames,
  type DailyStats,
  listDays,
  type StatsDay,
  type StatsScope,
  statsWindowDays,
} from './daily-counts.ts';

const hourMs = 60 * 60 * 1000;
const dayMs = 24 * hourMs;
/** Late receipts and messages that are sent again by hand change old days: counted again this often, and hourly while something waits. */
const recountIntervalMs = 20 * hourMs;
const pendingRecountIntervalMs = hourMs / 2;
const daysPerBatch = 200;
const locationsPerBatch = 500;

/**
 * The last fourteen days of places. What may still be changing much, today and yesterday, is counted now; older days as they were counted
 * last, at most a day ago, or now where that was not done yet.
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
 * Counts, once an hour and one process for all, the days that are over and not counted yet, or not for long.
 *
 * @returns how many it counted
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

/** A location's days are those of its own time zone, and of UTC where that is not known. */
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
  const query = `
    SELECT location_id AS "locationId", day::text AS day, timezone AS zone, ${countNames.map((name) => `${toSnakeCase(name)} AS "${name}"`).join(', ')},
      last_sent_at AS "lastSentAt", last_received_at AS "lastReceivedAt", counted_at AS "countedAt",
      ${details ? 'reasons, delivery_times AS times' : `'[]'::json AS reasons, '[]'::json AS times`}
    FROM daily_stats WHERE location_id = ANY ($1::text[]) AND day >= $2::date`;
  const rows = await queryJsonRows<StoredDay>(
    on,
    query,
    [scopes.map(({ locationId }) => locationId), first],
    ['lastSentAt', 'lastReceivedAt', 'countedAt'],
  );
  return rows.map((row) => ({ ...row, lastDay: { sent: 0, failed: 0 } }));
}

async function rollUpDays(on: Executor, days: readonly StatsDay[], now: Date): Promise<void> {
  const rows = await countFromMessages(on, days);
  const numbers = countNames.map(toSnakeCase);
  const own = ['timezone', ...numbers, 'last_sent_at', 'last_received_at', 'reasons', 'delivery_times', 'counted_at'];
  await on.$executeRawUnsafe(
    `INSERT INTO daily_stats (location_id, day, ${own.join(', ')})
     SELECT "locationId", day, zone, ${countNames.map((name) => `"${name}"`).join(', ')}, "lastSentAt", "lastReceivedAt", reasons, times,
       $2::timestamptz
     FROM json_to_recordset($1::json) AS row ("locationId" text, day date, zone text, ${countNames.map((name) => `"${name}" int`).join(', ')},
       "lastSentAt" timestamptz, "lastReceivedAt" timestamptz, reasons jsonb, times jsonb)
     ON CONFLICT (location_id, day) DO UPDATE SET ${own.map((name) => `${name} = EXCLUDED.${name}`).join(', ')}`,
    JSON.stringify(rows),
    now,
  );
}

function keyOf({ locationId, day }: { locationId: string; day: string }): string {
  return `${day} ${locationId}`;
}

function toSnakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
