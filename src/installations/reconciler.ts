import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { ReconcileResult } from './reconcile-installation.ts';
import { findInstallation, type Installation, type InstallationKey, keyOf } from './store.ts';

export interface ReconcilerDeps {
  db: Database;
  clock: Clock;
  reconcileInstallation(row: Installation): Promise<ReconcileResult>;
}

/** Longer than a reconcile takes. After this, another process takes over the rows of a process that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 20;

/**
 * Reconciles the installations that are due. The time is stored in the row (`reconcile_at`): many observations at once lead to one
 * reconcile, work that a crash has interrupted becomes due again, and one process at a time claims a row.
 *
 * @returns the number of installations reconciled
 */
export async function reconcileDueInstallations(deps: ReconcilerDeps): Promise<number> {
  const now = dateNow(deps.clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const claimed = await deps.db.client.$queryRaw<InstallationKey[]>`
    UPDATE installations SET reconcile_at = ${claimedUntil}, reconcile_attempts = reconcile_attempts + 1
    WHERE (kind, resource_id) IN (
      SELECT kind, resource_id FROM installations WHERE reconcile_at <= ${now}
      ORDER BY reconcile_at LIMIT ${maxClaimed} FOR UPDATE SKIP LOCKED)
    RETURNING kind::text, resource_id AS "resourceId"`;
  await Promise.all(claimed.map((key) => reconcileClaimed(deps, key)));
  return claimed.length;
}

/** Reconciles one installation now, for a caller that waits for the result. */
export async function reconcileNow(deps: ReconcilerDeps, key: InstallationKey): Promise<void> {
  const claimedUntil = new Date(deps.clock.now() + claimTtlMs);
  await deps.db.client.installation.updateMany({ where: keyOf(key), data: { reconcileAt: claimedUntil } });
  await reconcileClaimed(deps, key);
}

async function reconcileClaimed(deps: ReconcilerDeps, key: InstallationKey): Promise<void> {
  const row = await findInstallation(deps.db.client, key);
  if (!row) return;
  const { dueAt, isSettled } = await deps.reconcileInstallation(row);
  const after = await findInstallation(deps.db.client, key);
  const next = planNextReconcile(
    { dueAt, isSettled, attempts: row.reconcileAttempts, hasProgressed: hasProgressed(row, after) },
    dateNow(deps.clock),
  );
  // A concurrent observation has made it due already, which must not be overwritten.
  await deps.db.client.installation.updateMany({
    where: { ...keyOf(key), reconcileAt: { gt: dateNow(deps.clock) } },
    data: { reconcileAt: next.dueAt, ...(next.shouldResetAttempts ? { reconcileAttempts: 0 } : {}) },
  });
}

/** Maximum delay after a reconcile without progress; the first is a second. */
const maxStallDelayMs = 15 * 60 * 1000;
/** A reconcile later than this is scheduled, not a retry. */
const plannedThresholdMs = 60_000;

/**
 * Schedules the next reconcile of an installation. Two in a row are separated by progress or by a growing delay, so that a wrong `dueAt`
 * cannot make a busy loop.
 */
export function planNextReconcile(
  result: { dueAt: Date | null; isSettled: boolean; attempts: number; hasProgressed: boolean },
  now: Date,
): { dueAt: Date | null; shouldResetAttempts: boolean } {
  const { dueAt, isSettled, attempts, hasProgressed } = result;
  if (dueAt === null) return { dueAt, shouldResetAttempts: isSettled };
  const isScheduled = dueAt.getTime() - now.getTime() >= plannedThresholdMs;
  if (hasProgressed || isScheduled) return { dueAt, shouldResetAttempts: isSettled };
  const delayMs = Math.min(1_000 * 2 ** Math.max(attempts - 1, 0), maxStallDelayMs);
  return { dueAt: new Date(Math.max(dueAt.getTime(), now.getTime() + delayMs)), shouldResetAttempts: false };
}

/** Returns whether a reconcile has made progress. A new token alone does not count: HighLevel may reject it like the previous one. */
function hasProgressed(before: Installation, after: Installation | null): boolean {
  return after === null || toProgressMarks(before) !== toProgressMarks(after);
}

/** Serializes the columns that progress changes. */
function toProgressMarks(row: Installation): string {
  return JSON.stringify([
    row.status,
    row.companyId,
    row.installedSeenAt,
    row.uninstalledSeenAt,
    row.uninstallReason,
    row.accessToken === null,
    row.refreshToken === null,
    row.profileFetchedAt,
    row.syncOffset,
    row.syncedAt,
  ]);
}
