import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from './client.ts';

export type PeriodicTaskName =
  | 'alerts'
  | 'daily_activity'
  | 'dnd_reconciles'
  | 'daily_stats'
  | 'poll_receipts'
  | 'quiet_periods'
  | 'retention'
  | 'silent_sends';

/**
 * Claims a periodic task that one process at a time runs for all. No process can claim it again before `intervalMs` have passed, so a task
 * that takes less time runs alone.
 *
 * @returns null when it is not due, or another process has claimed it
 */
export async function claimPeriodicTask(
  { db, clock }: { db: Database; clock: Clock },
  name: PeriodicTaskName,
  intervalMs: number,
): Promise<{ progressUntil: Date | null } | null> {
  const now = dateNow(clock);
  const rows = await db.client.$queryRaw<{ progressUntil: Date | null }[]>`
    INSERT INTO periodic_tasks (name, due_at) VALUES (${name}, ${new Date(now.getTime() + intervalMs)})
    ON CONFLICT (name) DO UPDATE SET due_at = EXCLUDED.due_at WHERE periodic_tasks.due_at <= ${now}
    RETURNING progress_until AS "progressUntil"`;
  return rows[0] ?? null;
}

/** Records how far a task has come; its next claim returns it. */
export async function recordTaskProgress({ client }: Database, name: PeriodicTaskName, progressUntil: Date): Promise<void> {
  await client.periodicTask.updateMany({ where: { name }, data: { progressUntil } });
}
