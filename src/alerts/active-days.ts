import { type Clock, dateNow } from '../core/clock.ts';
import { minIdAt } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import { claimPeriodicTask } from '../database/periodic-lock.ts';

export const dayMs = 24 * 60 * 60 * 1000;
/** How far back a location's habit is looked at. */
export const windowDays = 14;
/** Twenty a day are as good as a thousand: more need not be counted. */
const messagesAtMost = 20;
/** After a process died at it, or the database was away. */
const tryAgainMs = 10 * 60 * 1000;
/** Whoever received a message before midnight has stored it by then. */
const afterMidnightMs = 5 * 60 * 1000;

/** Days since 1970, in UTC. */
export function dayNumber(at: Date): number {
  return Math.floor(at.getTime() / dayMs);
}

/**
 * Counts, once a day, which locations sent something on the days before, at first on all that matter. One statement a day; each location
 * costs it no more than twenty messages.
 *
 * @returns how many days were counted
 */
export async function countActiveDays(deps: { db: Database; clock: Clock }): Promise<number> {
  const now = dateNow(deps.clock);
  const turn = await claimPeriodicTask(deps, 'active_days', tryAgainMs);
  if (!turn) return 0;
  const today = dayNumber(now);
  const first = Math.max(today - windowDays, turn.doneUntil ? dayNumber(turn.doneUntil) : 0);
  for (let day = first; day < today; day++) {
    await countDay(deps.db, day);
    await deps.db.client.watch.update({ where: { name: 'active_days' }, data: { doneUntil: new Date((day + 1) * dayMs) } });
  }
  await deps.db.client.activeDay.deleteMany({ where: { day: { lt: new Date((today - windowDays) * dayMs) } } });
  const dueAt = new Date((today + 1) * dayMs + afterMidnightMs);
  await deps.db.client.watch.update({ where: { name: 'active_days' }, data: { dueAt } });
  return Math.max(today - first, 0);
}

/** The day before which all are counted: today, or yesterday shortly after midnight; null while older ones are still to be counted. */
export async function countedUntil(on: Executor, now: Date): Promise<number | null> {
  const watch = await on.watch.findUnique({ where: { name: 'active_days' } });
  const day = watch?.doneUntil ? dayNumber(watch.doneUntil) : 0;
  return day >= dayNumber(now) - 1 ? day : null;
}

async function countDay(db: Database, day: number): Promise<void> {
  const [from, to] = [new Date(day * dayMs), new Date((day + 1) * dayMs)];
  await db.client.$executeRaw`
    INSERT INTO active_days (location_id, day, messages)
    SELECT i.resource_id, (${from}::timestamptz AT TIME ZONE 'UTC')::date, sent.count
    FROM installations i
    CROSS JOIN LATERAL (SELECT count(*)::int AS count FROM (
      SELECT 1 FROM messages m
      WHERE m.location_id = i.resource_id AND m.id >= ${minIdAt(from)}::uuid AND m.id < ${minIdAt(to)}::uuid
        AND m.direction = 'outbound' AND NOT m.is_test
      LIMIT ${messagesAtMost}) AS few) AS sent
    WHERE i.kind = 'location' AND i.status <> 'uninstalled' AND sent.count > 0
    ON CONFLICT (location_id, day) DO UPDATE SET messages = EXCLUDED.messages`;
}
