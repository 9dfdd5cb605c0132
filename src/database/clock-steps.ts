import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Database } from './client.ts';
import { type DatabaseClock, openDatabaseClock, readDatabaseTime } from './clock.ts';

/** Longest lease. A lease that another process has just taken by the new time must stand. */
const maxLeaseMs = 2 * 60 * 1000;

/**
 * Columns of future times that one process writes and another waits for, by the database's clock, each with the least distance ahead from
 * which a time is moved. Times that are only shown, or compared with times of a vendor or of HighLevel, are not listed.
 */
export const plannedTimes = [
  ['jobs', 'due_at', 0],
  ['rate_limits', 'tat_at', 0],
  ['rate_limits', 'paused_until', 0],
  ['installations', 'reconcile_at', 0],
  ['installations', 'slot_reserved_at', 0],
  ['installations', 'next_sync_at', 0],
  ['installations', 'refresh_lease_until', maxLeaseMs],
  ['connections', 'check_due_at', 0],
  ['connections', 'setup_due_at', 0],
  ['oauth_grants', 'renewal_lease_until', maxLeaseMs],
  ['app_events', 'due_at', 0],
  ['quiet_periods', 'due_at', 0],
  ['opt_outs', 'mirror_due_at', 0],
  ['dnd_reconciles', 'due_at', 0],
  ['wallet_charges', 'due_at', 0],
  ['trigger_events', 'due_at', 0],
  ['workflow_sends', 'due_at', 0],
  ['workflow_pauses', 'due_at', 0],
  ['webhook_events', 'due_at', 0],
  ['erasures', 'due_at', 0],
  ['alert_notifications', 'next_attempt_at', 0],
  ['periodic_tasks', 'due_at', 0],
] as const;

/** Smallest step to correct: measurements of different processes differ, too. */
const minStepMs = 5_000;
const taskName = 'clock';

/**
 * Records the progress of the database's clock for all processes. If the clock was set back, planned times would wait for the whole step;
 * the process that finds the step first moves them back by as much, once.
 *
 * @param setBackMs the step that this process itself has measured: more exact than the time recorded a while ago
 * @returns the step in milliseconds; 0 where there was no step
 */
async function correctClockStep(db: Database, now: Date, setBackMs = 0): Promise<number> {
  const maxRecorded = new Date(now.getTime() + minStepMs);
  const count = await db.client.$executeRaw`
    UPDATE periodic_tasks SET due_at = GREATEST(due_at, ${now}) WHERE name = ${taskName} AND due_at < ${maxRecorded}`;
  if (count > 0) return 0;
  return db.transaction(async (tx) => {
    const [recorded] = await tx.$queryRaw<
      { dueAt: Date }[]
    >`SELECT due_at AS "dueAt" FROM periodic_tasks WHERE name = ${taskName} FOR UPDATE`;
    if (!recorded) {
      await tx.$executeRaw`INSERT INTO periodic_tasks (name, due_at) VALUES (${taskName}, ${now}) ON CONFLICT DO NOTHING`;
      return 0;
    }
    const behindMs = recorded.dueAt.getTime() - now.getTime();
    // Another process has corrected it meanwhile.
    if (behindMs < minStepMs) return 0;
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

/** Opens the clock that all processes of a database share, and corrects its steps. */
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
      if (stepMs > 0) log.warn({ stepMs }, 'the clock of the database was set back; planned times are moved along');
    },
    log,
  });
}
