import { computeBackoffMs } from '../core/retry-schedule.ts';
import type { Installation } from './store.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** How soon a suspended location is asked about again; the last wait repeats (platform.md 5.4). */
const suspendedDelaysMs = [15 * second, 30 * second, minute, 5 * minute, 15 * minute, hour];
/** How soon tokens are looked for again; the first waits leave time for the install's own callback. */
const pendingDelaysMs = [15 * second, 15 * second, 15 * second, minute, 5 * minute, 15 * minute, hour];
/** An installation that nobody can find a token for is not looked for any more after this; news of it wakes it. */
const pendingTimeoutMs = 7 * day;
const reauthDelayMs = 6 * hour;

/** A token with less left than this is refreshed before it is used. */
export const refreshAheadMs = 30 * minute;
/** Idle tokens are refreshed a little earlier, so that no message waits for it. */
const idleRefreshAheadMs = 2 * refreshAheadMs;

/** Between two listings of a company's locations; the second comes sooner, as an install may still have been under way. */
export const syncIntervalMs = 6 * hour;
export const secondSyncDelayMs = 10 * minute;
/** Name and time zone are asked for again after this. */
export const profileIntervalMs = day;

/**
 * When the reconciler must look at an installation again.
 *
 * @param jitter from 0 (inclusive) to 1 (exclusive): spreads what was installed together
 * @returns null for not until there is news
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

/** When to try again what HighLevel's silence has stopped. */
export function nextReconcileAfterOutage(row: Installation, now: Date, jitter: number): Date {
  return new Date(now.getTime() + computeBackoffMs(row.reconcileAttempts, jitter));
}

function untilIdleRefreshMs(row: Installation, now: Date, jitter: number): number {
  const leftMs = (row.accessExpiresAt?.getTime() ?? 0) - now.getTime();
  // Half of a life at the least: a short-lived token must not be refreshed without end.
  return Math.max(leftMs - idleRefreshAheadMs - jitter * hour, leftMs / 2, minute);
}

/** Whether a token's time for an idle refresh has come. */
export function isIdleRefreshDue(row: Installation, now: Date): boolean {
  const leftMs = (row.accessExpiresAt?.getTime() ?? 0) - now.getTime();
  return leftMs <= idleRefreshAheadMs + hour;
}
