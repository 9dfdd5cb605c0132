import { type Actor, audit } from '../audit/audit-log.ts';
import { configAad as channelIdentity } from '../connections/sealed-config.ts';
import { dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { uninstallApp } from '../highlevel/companies.ts';
import { parseAppId } from '../highlevel/oauth.ts';
import { recordCompanyUninstall, recordObservation } from './observations.ts';
import { nextReconcileAfterOutage } from './reconcile-schedule.ts';
import { auditScope, type RenewDeps } from './renew-token.ts';
import { clearedTokens, type Installation, keyOf, tokenAadPrefix } from './store.ts';

/** What becomes of a location's messages when it goes. The messages themselves are not this folder's business. */
export interface UninstallHooks {
  /** Fails what is queued, with the reason; what is being sent at this moment is left to end. */
  cancelQueued(locationId: string): Promise<void>;
  /** How many of those failures HighLevel has not been told of. */
  countUnreported(locationId: string): Promise<number>;
}

export interface UninstallDeps extends RenewDeps, UninstallHooks {
  /** Keeps a location's channels for its return, until its messages are deleted. */
  keepChannels: boolean;
}

/** The last reports may take so many looks, this far apart; then the access token goes whether they are made or not. */
const maxReportPolls = 30;
const reportPollIntervalMs = 2_000;
/** How often HighLevel is asked to uninstall us while it does not answer: over about a day. */
const maxUninstallAttempts = 100;

/**
 * Asks that the app leaves a location or a whole company. It stops sending now; HighLevel is asked to uninstall it when the last
 * reports are made.
 *
 * @param reason told to HighLevel
 */
export async function disconnectApp(
  deps: Pick<UninstallDeps, 'db' | 'clock' | 'newId'>,
  row: Installation,
  request: { actor: Actor; reason: string },
): Promise<void> {
  const now = dateNow(deps.clock);
  await deps.db.transaction(async (tx) => {
    // A clock that stands still must not make this older than what it ends.
    const uninstalledSeenAt = new Date(Math.max(now.getTime(), (row.installedSeenAt?.getTime() ?? 0) + 1));
    await recordObservation(tx, { key: row, uninstalledSeenAt }, now);
    if (row.kind === 'company') await recordCompanyUninstall(tx, row.resourceId, uninstalledSeenAt, now);
    await tx.installation.update({
      where: { kind_resourceId: keyOf(row) },
      data: { uninstallReason: request.reason, reconcileAt: now },
    });
    await audit(tx, deps, {
      actor: request.actor,
      action: 'disconnect_requested',
      ...auditScope(row),
      details: request.reason,
    });
  });
}

/**
 * Cleans up after an uninstall, a step each time it is called: what is queued fails, channel secrets and the refresh token go at once,
 * and the access token as soon as HighLevel has been told.
 *
 * @returns when to go on; null when all is done
 */
export async function cleanUp(deps: UninstallDeps, row: Installation): Promise<Date | null> {
  if (row.kind === 'location') {
    await deps.cancelQueued(row.resourceId);
    await removeChannels(deps, row.resourceId);
  } else {
    await propagateUninstall(deps, row);
  }
  if (!row.accessToken && !row.uninstallReason) return null;
  if (!row.uninstallReason && row.refreshToken) {
    const where = { ...keyOf(row), status: 'uninstalled' } as const;
    await deps.db.client.installation.updateMany({ where, data: { refreshToken: null } });
  }

  const nextPollAt = new Date(deps.clock.now() + reportPollIntervalMs);
  if (row.accessToken && row.reconcileAttempts < maxReportPolls && (await hasPendingReports(deps, row))) return nextPollAt;
  if (row.uninstallReason && row.accessToken) {
    const retryAt = await requestUninstall(deps, row, row.uninstallReason);
    if (retryAt) return retryAt;
  }
  await deps.db.transaction(async (tx) => {
    await tx.installation.updateMany({
      where: { ...keyOf(row), status: 'uninstalled' },
      data: { ...clearedTokens, uninstallReason: null },
    });
    await audit(tx, deps, { actor: row.uninstallReason ? 'patchbay' : 'highlevel', action: 'uninstalled', ...auditScope(row) });
  });
  deps.box.evict(tokenAadPrefix(row));
  deps.log.info(keyOf(row), 'uninstalled');
  return null;
}

/** A company's own farewell waits for its locations', whose last reports its uninstall would cut off. */
async function hasPendingReports(deps: UninstallDeps, row: Installation): Promise<boolean> {
  if (row.kind === 'location') return (await deps.countUnreported(row.resourceId)) > 0;
  if (!row.uninstallReason) return false;
  const unfinished = await deps.db.client.installation.count({
    where: { kind: 'location', companyId: row.resourceId, status: 'uninstalled', accessToken: { not: null } },
  });
  return unfinished > 0;
}

/** Locations that were learnt of after the company's own uninstall are told too. */
async function propagateUninstall(deps: UninstallDeps, row: Installation): Promise<void> {
  const now = dateNow(deps.clock);
  const { uninstalledSeenAt } = row;
  if (uninstalledSeenAt) await deps.db.transaction((tx) => recordCompanyUninstall(tx, row.resourceId, uninstalledSeenAt, now));
}

async function removeChannels(deps: UninstallDeps, locationId: string): Promise<void> {
  const { connection } = deps.db.client;
  const channels = await connection.findMany({ where: { locationId }, select: { id: true } });
  if (!deps.keepChannels) await connection.deleteMany({ where: { locationId } });
  else await connection.updateMany({ where: { locationId, disabledAt: null }, data: { disabledAt: dateNow(deps.clock) } });
  for (const { id } of channels) deps.box.evict(channelIdentity(id));
}

/** @returns when to ask again, or null when HighLevel has done it, or never will */
async function requestUninstall(deps: UninstallDeps, row: Installation, reason: string): Promise<Date | null> {
  try {
    await uninstallApp(deps.highLevel, keyOf(row), parseAppId(deps.app), reason);
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A refused token, or one that is gone, says that it is done already.
    if (error.retry === 'never' || isAppError(error, 'highlevel_token_rejected', 'highlevel_forbidden', 'reauth_required')) {
      deps.log.warn({ err: error, ...keyOf(row) }, 'HighLevel refused to uninstall the app');
      return null;
    }
    if (row.reconcileAttempts >= maxUninstallAttempts) throw error;
    return nextReconcileAfterOutage(row, dateNow(deps.clock), deps.jitter());
  }
  return null;
}
