import { resumeScheduledPauses } from '../connections/queue-group.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { Database } from '../database/client.ts';
import { type HighLevel, toCompanyOwner, toLocationOwner } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import { getLocation } from '../highlevel/locations.ts';
import { type AppKeys, parseAppId } from '../highlevel/oauth.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import { reserveSlot, tryAcquire } from '../queue/rate-limits.ts';
import type { Log } from '../runtime/log.ts';
import type { AccessTokens } from './access-token.ts';
import { recordObservation } from './observations.ts';
import { isIdleRefreshDue, nextReconcileAfterOutage, nextReconcileAt, profileIntervalMs } from './reconcile-schedule.ts';
import { findInstallation, type Installation, keyOf } from './store.ts';
import { isMissingFromList, isSyncDue } from './sync-locations.ts';

export interface ReconcileDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  app: AppKeys;
  highLevel: HighLevel;
  tokens: Pick<AccessTokens, 'renewOnce'>;
  /** Reads the next page of a company's locations. @returns whether there are more pages */
  syncPage(row: Installation): Promise<boolean>;
  /** Performs the next step of an uninstall. @returns the time of the next one; null when it is complete */
  cleanUp(row: Installation): Promise<Date | null>;
}

/** Result of reconciling an installation once. */
export interface ReconcileResult {
  /** Time of the next reconcile; null for not before the next observation. */
  readonly dueAt: Date | null;
  readonly isSettled: boolean;
}

/**
 * Reconciles one installation with its observations by one step: gets or refreshes tokens, lists a company's locations, or cleans up.
 * The step follows from the row alone, so observations may arrive in any order.
 */
export async function reconcileInstallation(deps: ReconcileDeps, row: Installation): Promise<ReconcileResult> {
  try {
    return { dueAt: await reconcileOnce(deps, row), isSettled: row.status === 'active' };
  } catch (error) {
    return { dueAt: await scheduleAfterError(deps, row, error), isSettled: false };
  }
}

async function reconcileOnce(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  if (row.status === 'uninstalled') return deps.cleanUp(row);
  if (row.status === 'active' && row.refreshLease !== null) {
    // Under way, or its process died: then the refresh must be repeated while HighLevel accepts the spent token.
    const freeAt = (row.refreshLeaseUntil?.getTime() ?? 0) + 1;
    if (freeAt > deps.clock.now()) return new Date(freeAt);
    await deps.tokens.renewOnce(row);
    return findNextReconcile(deps, row);
  }
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
      return (await deps.syncPage(row)) ? now : findNextReconcile(deps, row);
    } catch (error) {
      // While HighLevel refuses the listing, the token must still be refreshed before it expires.
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
    // First observed after its company's uninstall, which applies to it too.
    const { uninstalledSeenAt } = agency;
    await deps.db.transaction((tx) => recordObservation(tx, { key: keyOf(row), uninstalledSeenAt }, now));
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

/** Returns whether the redirect of an install may still arrive: until then HighLevel has no tokens to give. */
function isCallbackPending(row: Installation, now: Date): boolean {
  return row.status === 'pending' && now.getTime() - row.updatedAt.getTime() < 10_000;
}

/** Searches the lists of all active companies: an INSTALL of a future location may come without its company (platform.md 5.6). */
async function searchCompanies(deps: ReconcileDeps, row: Installation): Promise<Date | null> {
  const companies = await deps.db.client.installation.findMany({
    where: { kind: 'company', status: 'active' },
    orderBy: [{ includesFutureLocations: 'desc' }, { resourceId: 'asc' }],
  });
  let isLimited = false;
  for (const agency of companies) {
    const isAllowed = await tryAcquire(deps, toHighLevelGroupKey(keyOf(agency)), highLevelRateLimit);
    isLimited ||= !isAllowed;
    const foundAt = isAllowed && (await searchCompany(deps, row, agency.resourceId));
    if (foundAt) return foundAt;
  }
  return isLimited ? nextReconcileAfterOutage(row, dateNow(deps.clock), deps.jitter()) : null;
}

/** Searches one company's list for a location, and records its company. @returns null where the list omits it, or fails */
async function searchCompany(deps: ReconcileDeps, row: Installation, companyId: string): Promise<Date | null> {
  const requestedAt = dateNow(deps.clock);
  const app = { companyId, appId: parseAppId(deps.app) };
  try {
    const { installed } = await listInstalledLocations(deps.highLevel, app, { locationId: row.resourceId });
    const [found] = installed;
    if (!found) return null;
    const observation = { key: keyOf(row), companyId, name: found.name, installedSeenAt: requestedAt };
    await deps.db.transaction((tx) => recordObservation(tx, observation, requestedAt));
    return requestedAt;
  } catch (error) {
    // The location may be of another company than the one whose list fails.
    if (!isAppError(error)) throw error;
    deps.log.warn(
      { err: error, companyId, locationId: row.resourceId },
      'a company’s list could not be searched for a location',
    );
    return null;
  }
}

/** Verifies a location that its company's list omits. Its own tokens are better evidence: while they work, it is installed. */
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

/** Refreshes name and time zone once a day. A failure does not fail the reconcile. */
async function refreshProfile(deps: ReconcileDeps, row: Installation, now: Date): Promise<void> {
  if (row.profileFetchedAt && now.getTime() - row.profileFetchedAt.getTime() < profileIntervalMs) return;
  if (!(await tryAcquire(deps, toHighLevelGroupKey(keyOf(row)), highLevelRateLimit))) return;
  if (await updateProfile(deps, row.resourceId, now)) return;
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { profileFetchedAt: now } });
}

/** Fetches a location's name and time zone and stores them. @returns false when HighLevel did not return them */
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
      // Scheduled pauses were computed in the old time zone.
      if (count > 0) await resumeScheduledPauses(deps, locationId);
    }
    await client.installation.updateMany({
      where: toLocationOwner(locationId),
      data: { ...(name ? { name } : {}), ...(country ? { country } : {}), profileFetchedAt: now },
    });
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    deps.log.warn({ err: error, locationId }, 'the location’s profile could not be fetched');
    return false;
  }
}

async function storeSlot(deps: ReconcileDeps, row: Installation, slotReservedAt: Date): Promise<Date> {
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { slotReservedAt } });
  return slotReservedAt;
}

/** Schedules the next reconcile by the current row. */
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
  deps.log[level]({ err: error, ...keyOf(row) }, 'installation could not be reconciled');
  if (isAppError(error, 'installation_missing')) {
    await deps.db.client.installation.updateMany({
      where: { ...keyOf(row), status: 'pending' },
      data: { statusReason: error.message },
    });
  }
  return isExpected ? findNextReconcile(deps, row) : nextReconcileAfterOutage(row, now, deps.jitter());
}
