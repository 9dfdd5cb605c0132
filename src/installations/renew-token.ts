import { type AuditAction, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow, sleep } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor } from '../database/client.ts';
import { isResponseLost } from '../highlevel/client.ts';
import type { TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import { activeFields, toAuditScope } from './activate.ts';
import { endFormerAccess } from './handover.ts';
import { requestPermissionProbe } from './permissions.ts';
import { nextReconcileAt } from './reconcile-schedule.ts';
import {
  findInstallation,
  type Installation,
  type InstallationKey,
  type InstallationStatus,
  keyOf,
  openToken,
  sealTokens,
} from './store.ts';
import type { TokenSource } from './token-sources.ts';

export interface RenewDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  log: Log;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  /** In the order in which they are tried. */
  tokenSources: readonly TokenSource[];
  onActivated(tx: Executor, row: Installation, previousStatus: InstallationStatus): Promise<void>;
}

/** Longer than a request takes, and far shorter than the 30 seconds in which the old refresh token stays valid (platform.md 5.4). */
const leaseTtlMs = 12 * 1000;
const leasePollIntervalMs = 100;
/** Minimum interval between renewals of a token that has not expired. */
const minRefreshIntervalMs = 60_000;
const maxWaitMs = 6 * leaseTtlMs;

/**
 * Gets a new token set for an installation from the first source that has one.
 *
 * A refresh consumes the refresh token, so concurrent callers in all processes share one: the holder of the lease in the row makes it,
 * the others wait for its result. The new tokens are committed before they are used. Only a definite response about this installation
 * changes its status; a timeout or a 5xx does not.
 *
 * @param seen the row whose tokens must be replaced
 * @returns the new access token
 * @throws AppError `location_inactive`, `reauth_required`, `installation_missing`, `uninstalled`, `highlevel_unreachable`,
 *   `highlevel_limit`, `app_not_configured`
 */
export async function renewToken(deps: RenewDeps, seen: Installation): Promise<string> {
  const deadlineMs = deps.clock.now() + maxWaitMs;
  for (;;) {
    const lease = await acquireLease(deps, seen);
    if (lease) return renewUnderLease(deps, seen, lease);
    const row = await findInstallation(deps.db.client, seen);
    const pauseLeftMs =
      row?.refreshLease === null && row.tokenVersion === seen.tokenVersion ? refreshPauseLeftMs(row, deps.clock.now()) : 0;
    if (pauseLeftMs > 0) {
      throw new AppError('highlevel_limit', 'A new access token was requested less than a minute ago.', {
        retryAfterMs: pauseLeftMs,
      });
    }
    if (row && row.tokenVersion !== seen.tokenVersion) return openToken(deps.box, requireActive(row), 'access_token');
    // The last holder of the lease got a definite response: another request would get the same.
    if (row?.refreshLease === null && row.status !== seen.status) requireActive(row);
    if (deps.clock.now() > deadlineMs) {
      throw new AppError('highlevel_unreachable', 'Another process is still renewing the token of this installation.');
    }
    await sleep(deps.clock, leasePollIntervalMs);
  }
}

/** Returns the milliseconds until a new token may be requested: 0 a minute after the last attempt, or once the token has expired. */
function refreshPauseLeftMs({ accessExpiresAt, refreshAttemptedAt }: Installation, nowMs: number): number {
  if (!refreshAttemptedAt || !accessExpiresAt || accessExpiresAt.getTime() <= nowMs || refreshAttemptedAt.getTime() > nowMs)
    return 0;
  return Math.max(refreshAttemptedAt.getTime() + minRefreshIntervalMs - nowMs, 0);
}

/** Returns the row of an active installation. @throws AppError for each other status */
export function requireActive(row: Installation): Installation {
  const reason = row.statusReason ?? undefined;
  switch (row.status) {
    case 'pending':
      throw new AppError('installation_missing', `The app is not set up in ${row.kind} ${row.resourceId} yet.`);
    case 'uninstalled':
      throw new AppError('uninstalled', `The app was uninstalled from ${row.kind} ${row.resourceId}.`);
    case 'suspended':
      throw new AppError('location_inactive', reason ?? 'This location is not active.');
    case 'reauth_required':
      throw new AppError('reauth_required', reason ?? 'The app must be installed again.');
    case 'active':
      return row;
  }
}

interface Lease {
  id: string;
  /** Time at which the reconciler takes over if this process dies. */
  until: Date;
}

/** @returns null while another caller holds it, or when the tokens have been replaced since */
async function acquireLease(deps: RenewDeps, seen: Installation): Promise<Lease | null> {
  const now = dateNow(deps.clock);
  const id = deps.newId();
  const until = new Date(now.getTime() + leaseTtlMs);
  const minAgeAt = new Date(now.getTime() - minRefreshIntervalMs);
  // If this process dies, the reconciler takes over when the lease expires: the old refresh token is still valid then. So no pause follows a
  // lease that was not released.
  const count = await deps.db.client.$executeRaw`
    UPDATE installations
    SET refresh_lease = ${id}::uuid, refresh_lease_until = ${until},
      refresh_attempted_at = CASE WHEN status IN ('active', 'suspended') THEN ${now}::timestamptz ELSE refresh_attempted_at END, reconcile_at = LEAST(reconcile_at, ${until})
    WHERE kind = ${seen.kind}::installation_kind AND resource_id = ${seen.resourceId} AND token_version = ${seen.tokenVersion}
      AND status <> 'uninstalled' AND (refresh_lease_until IS NULL OR refresh_lease_until < ${now})
      AND (refresh_lease IS NOT NULL
        OR refresh_attempted_at IS NULL OR refresh_attempted_at <= ${minAgeAt} OR refresh_attempted_at > ${now}
        OR access_expires_at IS NULL OR access_expires_at <= ${now})`;
  return count === 1 ? { id, until } : null;
}

async function renewUnderLease(deps: RenewDeps, seen: Installation, lease: Lease): Promise<string> {
  try {
    const tokens = await tryTokenSources(deps, seen, lease.id);
    return await storeTokens(deps, seen, lease, tokens);
  } catch (error) {
    if (!isRepeatDue(deps.clock.now(), seen, error)) await releaseLease(deps, seen, lease, error);
    throw error;
  }
}

/**
 * Returns true after a refresh whose response was lost, as the token may be spent. Its lease stays then, like that of a process that was killed,
 * and the reconciler repeats the refresh when it expires, while HighLevel still accepts the spent token. A second lost response is not repeated
 * so, and an expired token needs no reconciler: the next caller repeats it at once.
 */
function isRepeatDue(now: number, { accessExpiresAt, refreshAttemptedAt }: Installation, error: unknown): boolean {
  const isUnexpired = accessExpiresAt !== null && accessExpiresAt.getTime() > now;
  const isFirst = refreshAttemptedAt === null || Math.abs(now - refreshAttemptedAt.getTime()) >= minRefreshIntervalMs;
  return isUnexpired && isFirst && isResponseLost(error);
}

/** Tries the sources in order. The lease is renewed before each, as each may take as long as the lease lasts. */
async function tryTokenSources(deps: RenewDeps, row: Installation, lease: string): Promise<TokenSet> {
  let forbidden: AppError | null = null;
  for (const source of deps.tokenSources) {
    await deps.db.client.installation.updateMany({
      where: { ...keyOf(row), refreshLease: lease },
      data: { refreshLeaseUntil: new Date(deps.clock.now() + leaseTtlMs) },
    });
    const tokens = await source(row).catch((error: unknown) => {
      // The company may not request its locations' tokens. Another source may have one; if not, this is the reason.
      if (!isAppError(error, 'highlevel_forbidden')) throw error;
      forbidden = error;
      return null;
    });
    if (tokens) return tokens;
  }
  if (forbidden) throw forbidden;
  if (row.status === 'pending') {
    throw new AppError('installation_missing', 'The CRM has no token for this installation yet.');
  }
  throw new AppError('reauth_required', 'The CRM no longer accepts this installation. The app must be installed again.');
}

async function storeTokens(deps: RenewDeps, seen: Installation, lease: Lease, tokens: TokenSet): Promise<string> {
  const { db, box, clock, log } = deps;
  const now = dateNow(clock);
  const isStored = await db.transaction(async (tx) => {
    const before = await findInstallation(tx, seen);
    const { count } = await tx.installation.updateMany({
      where: { ...keyOf(seen), refreshLease: lease.id, status: { not: 'uninstalled' } },
      data: {
        ...sealTokens(box, seen, tokens, now),
        ...activeFields,
        // A refresh alone does not end a series of failed reconciles.
        reconcileAttempts: seen.status === 'active' ? seen.reconcileAttempts : 0,
        ...(tokens.companyId === null ? {} : { companyId: tokens.companyId }),
        updatedAt: now,
      },
    });
    if (count === 0) return false;
    if (before) await endFormerAccess(tx, before, tokens.companyId);
    await requestPermissionProbe(tx, seen, now);
    const row = (await findInstallation(tx, seen)) as Installation;
    if (seen.status !== 'active') await deps.onActivated(tx, row, seen.status);
    await tx.installation.update({
      where: { kind_resourceId: keyOf(row) },
      data: { reconcileAt: reconcileAtAfterRenewal(row, seen, lease, now, deps.jitter()) },
    });
    return true;
  });
  // A new install, or another process after our lease expired, has stored newer tokens meanwhile.
  if (!isStored) return openToken(box, await getActive(deps, seen), 'access_token');
  if (seen.status !== 'active') log.info(keyOf(seen), 'installation is active');
  return tokens.accessToken;
}

/** Schedules the reconcile after a renewal. A refresh alone does not advance the planned time, as that would end a pause. */
function reconcileAtAfterRenewal(row: Installation, seen: Installation, lease: Lease, now: Date, jitter: number): Date | null {
  const planned = nextReconcileAt(row, now, jitter);
  // A company that has become active lists its locations next; a location fetches its profile.
  if (seen.status !== 'active') return row.profileFetchedAt === null ? now : planned;
  const isOurs = row.reconcileAt?.getTime() === lease.until.getTime();
  return isOurs && planned ? new Date(Math.max(planned.getTime(), seen.reconcileAt?.getTime() ?? 0)) : row.reconcileAt;
}

async function getActive(deps: RenewDeps, key: InstallationKey): Promise<Installation> {
  const row = await findInstallation(deps.db.client, key);
  if (!row) throw new AppError('installation_missing', `The app is not installed in ${key.kind} ${key.resourceId}.`);
  return requireActive(row);
}

async function releaseLease(deps: RenewDeps, seen: Installation, lease: Lease, error: unknown): Promise<void> {
  const { db, clock, newId, log } = deps;
  const status = toStatus(error);
  const now = dateNow(clock);
  const clearedLease = { refreshLease: null, refreshLeaseUntil: null };
  const isChange = status !== null && status !== seen.status;
  const patch = isChange ? { status, reconcileAttempts: 0 } : {};
  await db.transaction(async (tx) => {
    // Restores the planned time, unless an observation has changed it.
    await tx.installation.updateMany({
      where: { ...keyOf(seen), refreshLease: lease.id, reconcileAt: lease.until },
      data: { reconcileAt: seen.reconcileAt },
    });
    const { count } = await tx.installation.updateMany({
      where: { ...keyOf(seen), refreshLease: lease.id },
      data: {
        ...clearedLease,
        ...patch,
        ...(status ? { statusReason: (error as Error).message, updatedAt: now } : {}),
        ...(isChange ? { reconcileAt: nextReconcileAt({ ...seen, ...patch }, now, deps.jitter()) } : {}),
      },
    });
    if (count === 1 && isChange) {
      const action: AuditAction = status;
      await audit(
        tx,
        { clock, newId },
        { actor: 'patchbay', action, ...toAuditScope(seen), details: (error as Error).message },
      );
    }
  });
  if (!isChange) return;
  // An error for `reauth_required`: only a user who installs the app again can resolve it.
  const level = status === 'reauth_required' ? 'error' : 'warn';
  log[level]({ err: error, ...keyOf(seen) }, `installation is ${status}`);
}

/** Returns the status that a definite response about this installation leads to (platform.md 5.4). */
function toStatus(error: unknown): 'suspended' | 'reauth_required' | null {
  if (isAppError(error, 'location_inactive')) return 'suspended';
  if (isAppError(error, 'reauth_required')) return 'reauth_required';
  return null;
}
