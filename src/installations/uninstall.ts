import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { findResponse, type HighLevel } from '../highlevel/client.ts';
import { uninstallApp } from '../highlevel/companies.ts';
import { type AppKeys, parseAppId } from '../highlevel/oauth.ts';
import { extractMessage } from '../highlevel/response.ts';
import { deleteEndpoints } from '../outbox/webhook-endpoints.ts';
import type { Log } from '../runtime/log.ts';
import { toAuditScope } from './activate.ts';
import { deleteApiTokens } from './api-tokens.ts';
import { recordCompanyUninstall, recordObservation } from './observations.ts';
import { nextReconcileAfterOutage } from './reconcile-schedule.ts';
import { clearedTokens, findInstallation, type Installation, keyOf, tokenAadPrefix } from './store.ts';

/** Effects of an uninstall on a location's messages, which this folder must not import. */
export interface UninstallHooks {
  /** Fails queued messages with the reason; running sends finish. */
  cancelQueued(locationId: string): Promise<void>;
  /** Counts the failures that are not reported to HighLevel yet. */
  countUnreported(locationId: string): Promise<number>;
}

export interface UninstallDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  log: Log;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  app: AppKeys;
  highLevel: HighLevel;
  /** Retains a location's channels for a later reinstall, until its messages are deleted. */
  keepChannels: boolean;
  /** Removes or disables a location's connections, and removes its webhooks from the vendors. */
  removeConnections(locationId: string, isKept: boolean): Promise<void>;
  cancelQueued: UninstallHooks['cancelQueued'];
  countUnreported: UninstallHooks['countUnreported'];
}

/** Polls for the last reports, with their interval. After these the access token is deleted even if reports are missing. */
const maxReportPolls = 30;
const reportPollIntervalMs = 2_000;
/** Requests to uninstall while HighLevel does not respond: over about a day. */
const maxUninstallAttempts = 100;

/**
 * Starts the uninstall of the app from a location or a company. Sending stops now; the request to HighLevel follows the last reports.
 *
 * @param request.reason sent to HighLevel
 */
export async function disconnectApp(
  { db, clock, newId }: Pick<UninstallDeps, 'db' | 'clock' | 'newId'>,
  row: Installation,
  request: { actor: Actor; reason: string },
): Promise<void> {
  const now = dateNow(clock);
  await db.transaction(async (tx) => {
    // Later than the install that it ends, even when the clock has not advanced.
    const uninstalledSeenAt = new Date(Math.max(now.getTime(), (row.installedSeenAt?.getTime() ?? 0) + 1));
    await recordObservation(tx, { key: row, uninstalledSeenAt }, now);
    if (row.kind === 'company') await recordCompanyUninstall(tx, row.resourceId, uninstalledSeenAt, now);
    await tx.installation.update({
      where: { kind_resourceId: keyOf(row) },
      data: { uninstallReason: request.reason, reconcileAt: now },
    });
    await audit(
      tx,
      { clock, newId },
      { actor: request.actor, action: 'disconnect_requested', ...toAuditScope(row), details: request.reason },
    );
  });
}

/**
 * Performs the next step of an uninstall: queued messages fail, channel secrets, API tokens and the refresh token are deleted at once, the access
 * token after the last reports and the request to HighLevel.
 *
 * @returns the time of the next step; null when the uninstall is complete
 */
export async function cleanUp(deps: UninstallDeps, row: Installation): Promise<Date | null> {
  const { clock, newId } = deps;
  if (row.kind === 'location') {
    await deleteApiTokens(deps.db.client, row);
    await deleteEndpoints(deps.db.client, row.resourceId);
    await deps.cancelQueued(row.resourceId);
    // Many messages take minutes, in which the app may have been installed again.
    if ((await findInstallation(deps.db.client, row))?.status !== 'uninstalled') return dateNow(clock);
    await deps.removeConnections(row.resourceId, deps.keepChannels);
  } else {
    await propagateUninstall(deps, row);
  }
  if (!row.accessToken && !row.uninstallReason) return null;
  if (!row.uninstallReason && row.refreshToken) {
    const where = { ...keyOf(row), status: 'uninstalled' } as const;
    await deps.db.client.installation.updateMany({ where, data: { refreshToken: null } });
  }

  const nextPollAt = new Date(clock.now() + reportPollIntervalMs);
  if (row.accessToken && row.reconcileAttempts < maxReportPolls && (await hasPendingReports(deps, row))) return nextPollAt;
  let refusal: string | null = null;
  if (row.uninstallReason && row.accessToken) {
    const outcome = await requestUninstall(deps, row, row.uninstallReason);
    if (outcome.retryAt) return outcome.retryAt;
    refusal = outcome.refusal;
  }
  await deps.db.transaction(async (tx) => {
    await tx.installation.updateMany({
      where: { ...keyOf(row), status: 'uninstalled' },
      data: { ...clearedTokens, uninstallReason: null, statusReason: refusal },
    });
    const actor = row.uninstallReason ? 'patchbay' : 'highlevel';
    const details = refusal ?? undefined;
    await audit(tx, { clock, newId }, { actor, action: 'uninstalled', ...toAuditScope(row), details });
  });
  deps.box.evict(tokenAadPrefix(row));
  deps.log.info(keyOf(row), 'uninstalled');
  return null;
}

/** Returns whether reports are pending. A company waits for its locations, as its uninstall would cut off their last reports. */
async function hasPendingReports(deps: UninstallDeps, row: Installation): Promise<boolean> {
  if (row.kind === 'location') return (await deps.countUnreported(row.resourceId)) > 0;
  if (!row.uninstallReason) return false;
  const unfinished = await deps.db.client.installation.count({
    where: { kind: 'location', companyId: row.resourceId, status: 'uninstalled', accessToken: { not: null } },
  });
  return unfinished > 0;
}

/** Propagates a company's uninstall to locations that were first observed after it. */
async function propagateUninstall(deps: UninstallDeps, row: Installation): Promise<void> {
  const now = dateNow(deps.clock);
  const { uninstalledSeenAt } = row;
  if (uninstalledSeenAt) await deps.db.transaction((tx) => recordCompanyUninstall(tx, row.resourceId, uninstalledSeenAt, now));
}

/** What HighLevel made of a request to uninstall the app: done, to be repeated, or refused, with a sentence for people. */
interface UninstallOutcome {
  retryAt: Date | null;
  refusal: string | null;
}

async function requestUninstall(deps: UninstallDeps, row: Installation, reason: string): Promise<UninstallOutcome> {
  try {
    await uninstallApp(deps.highLevel, keyOf(row), parseAppId(deps.app), reason);
  } catch (error) {
    if (!isAppError(error)) throw error;
    // A rejected or missing token mostly means that the app is already uninstalled.
    const isRefused =
      error.retry === 'never' || isAppError(error, 'highlevel_token_rejected', 'highlevel_forbidden', 'reauth_required');
    if (!isRefused && row.reconcileAttempts < maxUninstallAttempts) {
      return { retryAt: nextReconcileAfterOutage(row, dateNow(deps.clock), deps.jitter()), refusal: null };
    }
    deps.log.warn({ err: error, ...keyOf(row) }, 'HighLevel did not confirm the uninstall of the app');
    const response = findResponse(error);
    const words = (response && extractMessage(response)) || error.message;
    return {
      retryAt: null,
      refusal: `The CRM did not confirm that the app is uninstalled (“${words}”). If it is still listed there, uninstall it there.`,
    };
  }
  return { retryAt: null, refusal: null };
}
