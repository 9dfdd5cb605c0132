import { computeBackoffMs } from '../core/retry-schedule.ts';
import type { Installation } from './store.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** Delays between checks of a suspended location; the last repeats (platform.md 5.4). */
const suspendedDelaysMs = [15 * second, 30 * second, minute, 5 * minute, 15 * minute, hour];
/** Delays between requests for tokens; the first leave time for the install's own redirect. */
const pendingDelaysMs = [15 * second, 15 * second, 15 * second, minute, 5 * minute, 15 * minute, hour];
/** After this, an installation without tokens is reconciled only on a new observation. */
const pendingTimeoutMs = 7 * day;
const reauthDelayMs = 6 * hour;

/** A token that expires within this time is refreshed before use. */
export const refreshAheadMs = 30 * minute;
/** Idle tokens are refreshed earlier, so that no message waits for a refresh. */
const idleRefreshAheadMs = 2 * refreshAheadMs;

/** Interval between two listings of a company's locations; the second comes sooner, as the first may have run during an install. */
export const syncIntervalMs = 6 * hour;
export const secondSyncDelayMs = 10 * minute;
/** Interval between two fetches of name and time zone. */
export const profileIntervalMs = day;

/**
 * Schedules the next reconcile of an installation.
 *
 * @param jitter from 0 (inclusive) to 1 (exclusive): spreads installations of the same time
 * @returns null for not before the next observation
 */
export function nextReconcileAt(row: Installation, now: Date, jitter: number): Date | null {
  const after = (ms: number) => new Date(now.getTime() + ms);
  const delayed = (delaysMs: readonly number[]) =>
    after(delaysMs[Math.min(row.reconcileAttempts, delaysMs.length - 1)] as number);
  switch (row.status) {
    case 'pending':
      return now.getTime() - (row.installedSeenAt ?? row.updatedAt).getTime() > pendingTimeoutMs
        ? null
        : delayed(pendingDelaysMs);
    case 'suspended':
      return delayed(suspendedDelaysMs);
    case 'reauth_required':
      return after(reauthDelayMs);
    case 'uninstalled':
      return null;
    case 'active': {
      const times = [after(untilIdleRefreshMs(row, now, jitter)), row.nextSyncAt ?? []].flat();
      return new Date(Math.min(...times.map((time) => time.getTime())));
    }
  }
}

/** Schedules the retry of a reconcile that failed because HighLevel did not respond. */
export function nextReconcileAfterOutage(row: Installation, now: Date, jitter: number): Date {
  return new Date(now.getTime() + computeBackoffMs(row.reconcileAttempts, jitter));
}

function untilIdleRefreshMs(row: Installation, now: Date, jitter: number): number {
  const leftMs = (row.accessExpiresAt?.getTime() ?? 0) - now.getTime();
  // At least half of its lifetime: otherwise a short-lived token would be refreshed in a loop.
  return Math.max(leftMs - idleRefreshAheadMs - jitter * hour, leftMs / 2, minute);
}

/** Returns whether an idle token is due for a refresh. */
export function isIdleRefreshDue(row: Installation, now: Date): boolean {
  const leftMs = (row.accessExpiresAt?.getTime() ?? 0) - now.getTime();
  return leftMs <= idleRefreshAheadMs + hour;
}
