import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, Executor } from '../database/client.ts';
import { type HighLevel, toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { type AppKeys, parseAppId } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import { recordObservation } from './observations.ts';
import { secondSyncDelayMs, syncIntervalMs } from './reconcile-schedule.ts';
import { type Installation, keyOf } from './store.ts';

export interface SyncDeps {
  db: Database;
  clock: Clock;
  app: AppKeys;
  highLevel: HighLevel;
  log: Log;
}

export function isSyncDue(row: Installation, now: Date): boolean {
  return row.syncOffset !== null || (row.nextSyncAt !== null && row.nextSyncAt <= now);
}

/**
 * Reads the next page of a company's locations and commits its observations with the offset of the following page, so that a crash
 * repeats at most one page. After the last page, locations that were on no page are reconciled: an event may have been missed.
 *
 * @returns whether there are more pages
 */
export async function syncPage(deps: SyncDeps, row: Installation): Promise<boolean> {
  const { db, clock, app, highLevel, log } = deps;
  const requestedAt = dateNow(clock);
  const companyId = row.resourceId;
  const page = await listInstalledLocations(highLevel, { companyId, appId: parseAppId(app) }, { skip: row.syncOffset ?? 0 });
  const isLast = page.rowCount === 0;
  if (page.unreadableCount > 0)
    log.warn({ companyId, unread: page.unreadableCount }, 'rows of a company’s list of locations could not be read');
  const startedAt = row.syncOffset === null ? requestedAt : (row.syncStartedAt ?? requestedAt);

  await db.transaction(async (tx) => {
    // Sort by id: concurrent transactions then lock rows in the same order and cannot deadlock.
    const found = page.installed.toSorted((a, b) => (a.locationId < b.locationId ? -1 : 1));
    for (const { locationId, name } of found) {
      await recordObservation(
        tx,
        { key: toLocationOwner(locationId), companyId, name, installedSeenAt: requestedAt },
        requestedAt,
      );
    }
    const { count } = await tx.installation.updateMany({
      // False when another process has read and committed the same page.
      where: { ...keyOf(row), syncOffset: row.syncOffset },
      data: {
        syncOffset: isLast ? null : (row.syncOffset ?? 0) + page.rowCount,
        syncStartedAt: startedAt,
        includesFutureLocations: page.includesFutureLocations ?? row.includesFutureLocations,
        ...(isLast ? { syncedAt: requestedAt, nextSyncAt: computeNextSyncAt(row, requestedAt) } : {}),
      },
    });
    if (isLast && count === 1) await requestMissingReconcile(tx, companyId, startedAt, requestedAt);
  });
  return !isLast;
}

/** Schedules a new listing of an active company's locations now: its list may have changed. */
export async function requestLocationSync(on: Executor, companyId: string, now: Date): Promise<void> {
  await on.installation.updateMany({
    where: { ...toCompanyOwner(companyId), status: 'active' },
    data: { nextSyncAt: now, reconcileAt: now },
  });
}

/** Returns whether the company's last complete listing omits this location. */
export function isMissingFromList(row: Installation, agency: Installation | null): boolean {
  if (!agency?.syncStartedAt || agency.syncOffset !== null || agency.status !== 'active') return false;
  return row.installedSeenAt !== null && row.installedSeenAt < agency.syncStartedAt;
}

function computeNextSyncAt(row: Installation, now: Date): Date {
  return new Date(now.getTime() + (row.syncedAt ? syncIntervalMs : secondSyncDelayMs));
}

async function requestMissingReconcile(tx: Executor, companyId: string, startedAt: Date, now: Date): Promise<void> {
  await tx.installation.updateMany({
    where: { kind: 'location', companyId, status: { not: 'uninstalled' }, installedSeenAt: { lt: startedAt } },
    data: { reconcileAt: now },
  });
}
