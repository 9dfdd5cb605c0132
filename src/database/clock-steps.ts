import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Database } from './client.ts';
import { type DatabaseClock, openDatabaseClock, readDatabaseTime } from './clock.ts';

/** No lease is longer. One that another process has just taken by the new time must stand. */
const maxLeaseMs = 2 * 60 * 1000;

/**
 * Times ahead that were written by one process and are waited for by another, by the database's clock, and how far ahead they are
 * at least to be moved. What is only shown, or compared with what a vendor or HighLevel said, is not among them.
 */
export const plannedTimes = [
  ['jobs', 'due_at', 0],
  ['rate_limits', 'tat_at', 0],
  ['rate_limits', 'paused_until', 0],
  ['installations', 'reconcile_at', 0],
  ['installations', 'slot_reserved_at', 0],
  ['installations', 'next_sync_at', 0],
  ['installations', 'refresh_lease_until', maxLeaseMs],
  ['app_events', 'due_at', 0],
  ['alert_notifications', 'next_attempt_at', 0],
  ['periodic_tasks', 'due_at', 0],
] as const;

/** Smaller steps are worth no statement: measurements of several processes differ, too. */
const minStepMs = 5_000;
const taskName = 'clock';

/**
 * Notes how far the database's clock has come, for all processes. Where it was set back since, what was planned by the old time would
 * wait for the whole step; it is moved back by as much, once, by the process that finds it first.
 *
 * @param setBackMs by how much this process itself has seen it set back: more exact than what was noted a while ago
 * @returns the step in milliseconds; 0 for none
 */
export async function correctClockStep(db: Database, now: Date, setBackMs = 0): Promise<number> {
  return db.transaction(async (tx) => {
    const [recorded] = await tx.$queryRaw<
      { dueAt: Date }[]
    >`SELECT due_at AS "dueAt" FROM periodic_tasks WHERE name = ${taskName} FOR UPDATE`;
    if (!recorded) {
      await tx.$executeRaw`INSERT INTO periodic_tasks (name, due_at) VALUES (${taskName}, ${now}) ON CONFLICT DO NOTHING`;
      return 0;
    }
    const behindMs = recorded.dueAt.getTime() - now.getTime();
    if (behindMs < minStepMs) {
      await tx.$executeRaw`UPDATE periodic_tasks SET due_at = GREATEST(due_at, ${now}) WHERE name = ${taskName}`;
      return 0;
    }
    const stepMs = Math.max(behindMs, setBackMs);
    for (const [table, column, aheadMs] of plannedTimes) {
      await tx.$executeRawUnsafe(
        `UPDATE ${table} SET ${column} = ${column} - $1::float8 * interval '1 ms' WHERE ${column} > $2`,
        stepMs,
        new Date(now.getTime() + aheadMs),
      );
    }
    await tx.$executeRaw`UPDATE periodic_tasks SET due_at = ${now} WHERE name = ${taskName}`;
    return stepMs;
  });
}

/** Opens the clock that all processes of a database share, and follows its steps. */
export function openSharedClock(
  db: Database,
  deps: { clock: Clock; readTime?: ((db: Database) => Promise<number>) | undefined; log: Log },
): Promise<DatabaseClock> {
  const { clock, readTime = readDatabaseTime, log } = deps;
  return openDatabaseClock({
    clock,
    readTime: () => readTime(db),
    async onMeasured(now, setBackMs) {
      const stepMs = await correctClockStep(db, now, setBackMs);
      if (stepMs > 0) log.warn({ stepMs }, 'the clock of the database was set back; what was planned by it is moved along');
    },
    log,
  });
}
