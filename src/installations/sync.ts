import { dateNow } from '../core/clock.ts';
import type { Executor } from '../database/client.ts';
import { company, type HighLevel, location } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { appIdOf } from '../highlevel/oauth.ts';
import { secondSyncAfterMs, syncEveryMs } from './due.ts';
import { learn } from './news.ts';
import type { RenewDeps } from './renew.ts';
import { type Installation, keyOf } from './store.ts';

export type SyncDeps = RenewDeps & { highLevel: HighLevel };

export function isSyncDue(row: Installation, now: Date): boolean {
  return row.syncSkip !== null || (row.nextSyncAt !== null && row.nextSyncAt <= now);
}

/**
 * Reads the next page of a company's locations and keeps what it says, with the place where the next one begins: a crash costs at most
 * one page. When the last page is read, locations that were on none are looked at: an event may have been missed.
 *
 * @returns whether there are more pages
 */
export async function syncPage(deps: SyncDeps, row: Installation): Promise<boolean> {
  const { clock, app, highLevel, log } = deps;
  const askedAt = dateNow(clock);
  const companyId = row.resourceId;
  const page = await listInstalledLocations(highLevel, { companyId, appId: appIdOf(app) }, { skip: row.syncSkip ?? 0 });
  const isLast = page.rows === 0;
  if (page.unread > 0) log.warn({ companyId, unread: page.unread }, 'rows of a listing of locations could not be read');
  const begunAt = row.syncSkip === null ? askedAt : (row.syncBegunAt ?? askedAt);

  await deps.db.transaction(async (tx) => {
    // One order for everybody who locks many.
    const found = page.installed.toSorted((a, b) => (a.locationId < b.locationId ? -1 : 1));
    for (const { locationId, name } of found) {
      await learn(tx, { key: location(locationId), companyId, name, presentAt: askedAt }, askedAt);
    }
    const { count } = await tx.installation.updateMany({
      // Another process that reads the same page has written it already.
      where: { ...keyOf(row), syncSkip: row.syncSkip },
      data: {
        syncSkip: isLast ? null : (row.syncSkip ?? 0) + page.rows,
        syncBegunAt: begunAt,
        toFutureLocations: page.toFutureLocations ?? row.toFutureLocations,
        ...(isLast ? { syncedAt: askedAt, nextSyncAt: nextSyncAt(row, askedAt) } : {}),
      },
    });
    if (isLast && count === 1) await lookAtUnseen(tx, companyId, begunAt, askedAt);
  });
  return !isLast;
}

/** Something suggests that an active company's list has changed: it is read again now. */
export async function listAgain(on: Executor, companyId: string, now: Date): Promise<void> {
  await on.installation.updateMany({
    where: { ...company(companyId), status: 'active' },
    data: { nextSyncAt: now, dueAt: now },
  });
}

/** A location that was not in the company's last complete listing. */
export function isUnseen(row: Installation, agency: Installation | null): boolean {
  if (!agency?.syncBegunAt || agency.syncSkip !== null || agency.status !== 'active') return false;
  return row.presentAt !== null && row.presentAt < agency.syncBegunAt;
}

function nextSyncAt(row: Installation, now: Date): Date {
  return new Date(now.getTime() + (row.syncedAt ? syncEveryMs : secondSyncAfterMs));
}

async function lookAtUnseen(tx: Executor, companyId: string, begunAt: Date, now: Date): Promise<void> {
  await tx.installation.updateMany({
    where: { kind: 'location', companyId, status: { not: 'uninstalled' }, presentAt: { lt: begunAt } },
    data: { dueAt: now },
  });
}
