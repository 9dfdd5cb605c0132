import { type Clock, dateNow } from '../../core/clock.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';

export const dayMs = 24 * 60 * 60 * 1000;
/** Number of past days from which a location's habit is derived. */
export const activityWindowDays = 14;
/** Twenty messages a day show a habit as well as a thousand, so no more are counted. */
const maxMessagesPerDay = 20;
/** Delay after a process crashed while counting, or the database was unavailable. */
const retryDelayMs = 10 * 60 * 1000;
/** Time within which a process has stored a message that it received before midnight. */
const midnightDelayMs = 5 * 60 * 1000;

/** Converts a time to the number of days since 1970, in UTC. */
function toDayNumber(at: Date): number {
  return Math.floor(at.getTime() / dayMs);
}

/**
 * Counts, once a day, the messages that locations sent on the days not counted yet, at first of the whole window. Each day is one statement,
 * which reads at most twenty messages per location.
 *
 * @returns the number of days counted
 */
export async function rollUpDailyActivity(deps: { db: Database; clock: Clock }): Promise<number> {
  const now = dateNow(deps.clock);
  const task = await claimPeriodicTask(deps, 'daily_activity', retryDelayMs);
  if (!task) return 0;
  const today = toDayNumber(now);
  const first = Math.max(today - activityWindowDays, task.progressUntil ? toDayNumber(task.progressUntil) : 0);
  for (let day = first; day < today; day++) {
    await rollUpDay(deps.db, day);
    await deps.db.client.periodicTask.update({
      where: { name: 'daily_activity' },
      data: { progressUntil: new Date((day + 1) * dayMs) },
    });
  }
  await deps.db.client.dailyActivity.deleteMany({ where: { day: { lt: new Date((today - activityWindowDays) * dayMs) } } });
  const dueAt = new Date((today + 1) * dayMs + midnightDelayMs);
  await deps.db.client.periodicTask.update({ where: { name: 'daily_activity' }, data: { dueAt } });
  return Math.max(today - first, 0);
}

/** Finds the day before which all days are counted: today, or yesterday shortly after midnight; null while older days are missing. */
export async function findCountedUntil(on: Executor, now: Date): Promise<number | null> {
  const task = await on.periodicTask.findUnique({ where: { name: 'daily_activity' } });
  const day = task?.progressUntil ? toDayNumber(task.progressUntil) : 0;
  return day >= toDayNumber(now) - 1 ? day : null;
}

async function rollUpDay(db: Database, day: number): Promise<void> {
  const [from, to] = [new Date(day * dayMs), new Date((day + 1) * dayMs)];
  await db.client.$executeRaw`
    INSERT INTO daily_activity (location_id, day, message_count)
    SELECT i.resource_id, (${from}::timestamptz AT TIME ZONE 'UTC')::date, sent.count
    FROM installations i
    CROSS JOIN LATERAL (SELECT count(*)::int AS count FROM (
      SELECT 1 FROM messages m
      WHERE m.location_id = i.resource_id AND m.id >= ${minIdAt(from)}::uuid AND m.id < ${minIdAt(to)}::uuid
        AND m.direction = 'outbound' AND NOT m.is_test
      LIMIT ${maxMessagesPerDay}) AS few) AS sent
    WHERE i.kind = 'location' AND i.status <> 'uninstalled' AND sent.count > 0
    ON CONFLICT (location_id, day) DO UPDATE SET message_count = EXCLUDED.message_count`;
}
