import { resumeScheduledPauses } from '../connections/queue-group.ts';
import { dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { getLocation } from '../highlevel/locations.ts';
import { parseAppId } from '../highlevel/oauth.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import { reserveSlot, tryAcquire } from '../queue/rate-limits.ts';
import type { AccessTokens } from './access-token.ts';
import { recordObservation } from './observations.ts';
import { isIdleRefreshDue, nextReconcileAfterOutage, nextReconcileAt, profileIntervalMs } from './reconcile-schedule.ts';
import { findInstallation, type Installation, keyOf } from './store.ts';
import { isMissingFromList, isSyncDue, syncPage } from './sync-locations.ts';
import { cleanUp, type UninstallDeps } from './uninstall.ts';

/** When a company's calls leave no room for a question. */
const retryDelayMs = 5_000;

export interface ReconcileDeps extends UninstallDeps {
  tokens: AccessTokens;
}

/**
 * Brings one installation a step nearer to what is known of it, whatever brought the news and in whatever order: looks for tokens,
 * refreshes them, lists a company's locations, or cleans up.
 *
 * @returns when to look again, null for not until there is news; and whether it is as it should be
 */
export async function reconcileInstallation(
  deps: ReconcileDeps,
  row: Installation,
): Promise<{ dueAt: Date | null; isSettled: boolean }> {
  try {
    return { dueAt: await reconcileOnce(deps, row), isSettled: row.status === 'active' };
  } catch (error) {
    return { dueAt: await scheduleAfterError(deps, row, error), isSettled: false };
  }
}

async function reconcileOnce(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  if (row.status === 'uninstalled') return cleanUp(deps, row);
  return row.kind === 'company' ? reconcileCompany(deps, row) : reconcileLocation(deps, row);
}

async function reconcileCompany(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (row.status !== 'active') {
    if (!isCallbackPending(row, now)) await deps.tokens.renewOnce(row);
    return findNextReconcile(deps, row);
  }
  if (isSyncDue(row, now)) {
    const slotReservedAt = await reserveSlot(deps, toHighLevelGroupKey(keyOf(row)), highLevelRateLimit, row.slotReservedAt);
    if (slotReservedAt) return storeSlot(deps, row, slotReservedAt);
    try {
      return (await syncPage(deps, row)) ? now : findNextReconcile(deps, row);
    } catch (error) {
      // A listing that is refused must not let the token run out.
      if (isAppError(error, 'highlevel_forbidden') && isIdleRefreshDue(row, now)) await deps.tokens.renewOnce(row);
      throw error;
    }
  }
  if (isIdleRefreshDue(row, now)) await deps.tokens.renewOnce(row);
  return findNextReconcile(deps, row);
}

async function reconcileLocation(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  const now = dateNow(deps.clock);
  const agency = row.companyId ? await findInstallation(deps.db.client, toCompanyOwner(row.companyId)) : null;
  if (agency?.uninstalledSeenAt && row.installedSeenAt && agency.uninstalledSeenAt >= row.installedSeenAt) {
    // It was learnt of after its company's uninstall, which is its own too.
    const { uninstalledSeenAt } = agency;
    await deps.db.transaction((tx) => recordObservation(tx, { key: keyOf(row), uninstalledSeenAt: uninstalledSeenAt }, now));
    return now;
  }
  if (row.status === 'pending' && !agency?.accessToken) {
    const found = row.companyId ? null : await searchCompanies(deps, row);
    if (found) return found;
    if (isCallbackPending(row, now)) return findNextReconcile(deps, row);
  }
  if (isMissingFromList(row, agency)) return verifyMissing(deps, row);
  if (row.status !== 'active' || isIdleRefreshDue(row, now)) await deps.tokens.renewOnce(row);
  await refreshProfile(deps, row, now);
  return findNextReconcile(deps, row);
}

/** The install's own callback may still be on its way; until then nobody has tokens to give. */
function isCallbackPending(row: Installation, now: Date): boolean {
  return row.status === 'pending' && now.getTime() - row.updatedAt.getTime() < 10_000;
}

/** An INSTALL of a future location may come without its company (platform.md 5.6): the companies that we know are asked. */
async function searchCompanies(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  const companies = await deps.db.client.installation.findMany({
    where: { kind: 'company', status: 'active' },
    orderBy: [{ includesFutureLocations: 'desc' }, { resourceId: 'asc' }],
  });
  for (const agency of companies) {
    const isAllowed = await tryAcquire(deps, toHighLevelGroupKey(keyOf(agency)), highLevelRateLimit);
    if (!isAllowed) return new Date(deps.clock.now() + retryDelayMs);
    const requestedAt = dateNow(deps.clock);
    const app = { companyId: agency.resourceId, appId: parseAppId(deps.app) };
    const { installed } = await listInstalledLocations(deps.highLevel, app, { locationId: row.resourceId });
    const [found] = installed;
    if (!found) continue;
    const observation = { key: keyOf(row), companyId: app.companyId, name: found.name, installedSeenAt: requestedAt };
    await deps.db.transaction((tx) => recordObservation(tx, observation, requestedAt));
    return requestedAt;
  }
  return null;
}

/** Its company's listing left it out. Its own tokens are the better witness: while they work, it is installed. */
async function verifyMissing(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  const requestedAt = dateNow(deps.clock);
  let isInstalled = true;
  try {
    await deps.tokens.renewOnce(row);
  } catch (error) {
    if (!isAppError(error, 'reauth_required', 'installation_missing')) throw error;
    isInstalled = false;
  }
  const observation = isInstalled ? { installedSeenAt: requestedAt } : { uninstalledSeenAt: requestedAt };
  await deps.db.transaction((tx) => recordObservation(tx, { key: keyOf(row), ...observation }, dateNow(deps.clock)));
  return isInstalled ? findNextReconcile(deps, row) : requestedAt;
}

/** Keeps name and time zone fresh. They are good to have and no reason to fail. */
async function refreshProfile(deps: ReconcileDeps, row: Installation, now: Date): Promise<void> {
  if (row.profileFetchedAt && now.getTime() - row.profileFetchedAt.getTime() < profileIntervalMs) return;
  if (!(await tryAcquire(deps, toHighLevelGroupKey(keyOf(row)), highLevelRateLimit))) return;
  if (await updateProfile(deps, row.resourceId, now)) return;
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { profileFetchedAt: now } });
}

/** Asks for a location's name and time zone and keeps them. @returns whether HighLevel told them */
export async function updateProfile(
  deps: Pick<ReconcileDeps, 'db' | 'highLevel' | 'log'>,
  locationId: string,
  now: Date,
): Promise<boolean> {
  try {
    const { name, timezone, country } = await getLocation(deps.highLevel, locationId);
    const { client } = deps.db;
    if (timezone) {
      const isDifferent = { OR: [{ timezone: null }, { timezone: { not: timezone } }] };
      const { count } = await client.installation.updateMany({
        where: { ...toLocationOwner(locationId), ...isDifferent },
        data: { timezone },
      });
      // Their rests were reckoned in another time zone.
      if (count > 0) await resumeScheduledPauses(deps, locationId);
    }
    await client.installation.updateMany({
      where: toLocationOwner(locationId),
      data: { ...(name ? { name } : {}), ...(country ? { country } : {}), profileFetchedAt: now },
    });
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    deps.log.warn({ err: error, locationId }, 'the location could not be asked for its name');
    return false;
  }
}

async function storeSlot(deps: ReconcileDeps, row: Installation, slotReservedAt: Date): Promise<Date> {
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { slotReservedAt: slotReservedAt } });
  return slotReservedAt;
}

/** The next look by the row as it is now. */
async function findNextReconcile(deps: ReconcileDeps, { kind, resourceId }: Installation): Promise<Date | null> {
  const row = await findInstallation(deps.db.client, { kind, resourceId });
  return row && nextReconcileAt(row, dateNow(deps.clock), deps.jitter());
}

async function scheduleAfterError(deps: ReconcileDeps, row: Installation, error: unknown): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (isAppError(error, 'highlevel_limit', 'highlevel_forbidden'))
    return new Date(now.getTime() + (error.retryAfterMs ?? 10_000));
  const isExpected = isAppError(error, 'installation_missing', 'location_inactive', 'reauth_required', 'uninstalled');
  const level = isAppError(error) ? (isExpected ? 'debug' : 'warn') : 'error';
  deps.log[level]({ err: error, ...keyOf(row) }, 'an installation could not be looked after');
  if (isAppError(error, 'installation_missing')) {
    await deps.db.client.installation.updateMany({
      where: { ...keyOf(row), status: 'pending' },
      data: { statusReason: error.message },
    });
  }
  return isExpected ? findNextReconcile(deps, row) : nextReconcileAfterOutage(row, now, deps.jitter());
}
