import { dateNow } from '../core/clock.ts';
import { type ReconcileDeps, reconcileInstallation } from './reconcile-installation.ts';
import { findInstallation, type Installation, type InstallationKey, keyOf } from './store.ts';

/** Longer than any look takes. A process that is killed in the middle leaves its rows to others after this. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 20;

/**
 * Looks after every installation whose time has come. That time stands in its row (`due_at`): a storm of news is one look, work that a
 * crash has cut off is due again, and whoever claims a row first does it.
 *
 * @returns how many were looked at
 */
export async function reconcileDueInstallations(deps: ReconcileDeps): Promise<number> {
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

/** Looks after one installation now, for somebody who waits for it. */
export async function reconcileNow(deps: ReconcileDeps, key: InstallationKey): Promise<void> {
  const claimedUntil = new Date(deps.clock.now() + claimTtlMs);
  await deps.db.client.installation.updateMany({ where: keyOf(key), data: { reconcileAt: claimedUntil } });
  await reconcileClaimed(deps, key);
}

async function reconcileClaimed(deps: ReconcileDeps, key: InstallationKey): Promise<void> {
  const row = await findInstallation(deps.db.client, key);
  if (!row) return;
  const { dueAt, isSettled } = await reconcileInstallation(deps, row);
  const after = await findInstallation(deps.db.client, key);
  const next = planNextReconcile(
    { dueAt, isSettled, tries: row.reconcileAttempts, hasProgressed: hasProgressed(row, after) },
    dateNow(deps.clock),
  );
  // News that came meanwhile has made it due already; that must stand.
  await deps.db.client.installation.updateMany({
    where: { ...keyOf(key), reconcileAt: { gt: dateNow(deps.clock) } },
    data: { reconcileAt: next.dueAt, ...(next.shouldResetAttempts ? { reconcileAttempts: 0 } : {}) },
  });
}

/** The longest pause that a look without progress leads to; the first is a second. */
const maxStallDelayMs = 15 * 60 * 1000;
/** A look that comes later than this is a plan, not another try. */
const plannedThresholdMs = 60_000;

/**
 * Decides when an installation is looked at again. What is due never runs twice in a row without either progress or a growing pause,
 * whatever the look itself asked for.
 *
 * @returns `shouldResetAttempts`: its tries begin anew
 */
export function planNextReconcile(
  result: { dueAt: Date | null; isSettled: boolean; tries: number; hasProgressed: boolean },
  now: Date,
): { dueAt: Date | null; shouldResetAttempts: boolean } {
  const { dueAt, isSettled: isWell, tries, hasProgressed } = result;
  if (dueAt === null) return { dueAt, shouldResetAttempts: isWell };
  const isPlan = dueAt.getTime() - now.getTime() >= plannedThresholdMs;
  if (hasProgressed || isPlan) return { dueAt, shouldResetAttempts: isWell };
  const delayMs = Math.min(1_000 * 2 ** Math.max(tries - 1, 0), maxStallDelayMs);
  return { dueAt: new Date(Math.max(dueAt.getTime(), now.getTime() + delayMs)), shouldResetAttempts: false };
}

/** Whether a look has got any work done. A new token alone is none: it may be refused like the one before. */
function hasProgressed(before: Installation, after: Installation | null): boolean {
  return after === null || toProgressMarks(before) !== toProgressMarks(after);
}

/** What changes when work is done. */
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
