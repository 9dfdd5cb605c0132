import { dateNow } from '../core/clock.ts';
import type { Executor } from '../database/client.ts';
import { type HighLevel, toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { parseAppId } from '../highlevel/oauth.ts';
import { recordObservation } from './observations.ts';
import { secondSyncDelayMs, syncIntervalMs } from './reconcile-schedule.ts';
import type { RenewDeps } from './renew-token.ts';
import { type Installation, keyOf } from './store.ts';

export type SyncDeps = RenewDeps & { highLevel: HighLevel };

export function isSyncDue(row: Installation, now: Date): boolean {
  return row.syncOffset !== null || (row.nextSyncAt !== null && row.nextSyncAt <= now);
}

/**
 * Reads the next page of a company's locations and keeps what it says, with the place where the next one begins: a crash costs at most
 * one page. When the last page is read, locations that were on none are looked at: an event may have been missed.
 *
 * @returns whether there are more pages
 */
export async function syncPage(deps: SyncDeps, row: Installation): Promise<boolean> {
  const { clock, app, highLevel, log } = deps;
  const requestedAt = dateNow(clock);
  const companyId = row.resourceId;
  const page = await listInstalledLocations(highLevel, { companyId, appId: parseAppId(app) }, { skip: row.syncOffset ?? 0 });
  const isLast = page.rowCount === 0;
  if (page.unreadableCount > 0)
    log.warn({ companyId, unread: page.unreadableCount }, 'rows of a listing of locations could not be read');
  const startedAt = row.syncOffset === null ? requestedAt : (row.syncStartedAt ?? requestedAt);

  await deps.db.transaction(async (tx) => {
    // One order for everybody who locks many.
    const found = page.installed.toSorted((a, b) => (a.locationId < b.locationId ? -1 : 1));
    for (const { locationId, name } of found) {
      await recordObservation(
        tx,
        { key: toLocationOwner(locationId), companyId, name, installedSeenAt: requestedAt },
        requestedAt,
      );
    }
    const { count } = await tx.installation.updateMany({
      // Another process that reads the same page has written it already.
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

/** Something suggests that an active company's list has changed: it is read again now. */
export async function requestLocationSync(on: Executor, companyId: string, now: Date): Promise<void> {
  await on.installation.updateMany({
    where: { ...toCompanyOwner(companyId), status: 'active' },
    data: { nextSyncAt: now, reconcileAt: now },
  });
}

/** A location that was not in the company's last complete listing. */
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
