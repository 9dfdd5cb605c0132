import { type Actor, type AuditAction, audit } from '../audit/audit-log.ts';
import { dateNow, sleep } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import type { TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
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
import { type TokenSourceDeps, tokenSources } from './token-sources.ts';

export interface RenewDeps extends TokenSourceDeps {
  newId: NewId;
  log: Log;
  /** From 0 (inclusive) to 1, to spread retries. */
  jitter: () => number;
  /** A location can be worked for again: its messages need not wait any more. */
  releaseWaiting(tx: Executor, locationId: string): Promise<void>;
}

/** Longer than a request can take, far shorter than HighLevel's 30 seconds in which the old refresh token is still good (platform.md 5.4). */
const leaseTtlMs = 12 * 1000;
const leasePollIntervalMs = 100;
/** A token that has not expired is renewed no more often. */
const minRefreshIntervalMs = 60_000;
const maxWaitMs = 6 * leaseTtlMs;

/**
 * Gets a new token set for an installation by the first rung that leads to one.
 *
 * A refresh spends the refresh token, so it happens once however many ask in however many processes: whoever has the lease in the row
 * does it, the others wait for what comes of it. The new tokens are committed before they are used. Only a definite answer about this
 * installation changes its status; a time-out or a 5xx changes nothing.
 *
 * @param seen the row whose tokens are not good enough
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
      throw new AppError('highlevel_limit', 'A new access token was asked for less than a minute ago.', {
        retryAfterMs: pauseLeftMs,
      });
    }
    if (row && row.tokenVersion !== seen.tokenVersion) return openToken(deps.box, requireActive(row), 'access_token');
    // Whoever had the lease has just met something definite; asking again would only hear it again.
    if (row?.refreshLease === null && row.status !== seen.status) requireActive(row);
    if (deps.clock.now() > deadlineMs) {
      throw new AppError('highlevel_unreachable', 'Another process is still looking for a token of this installation.');
    }
    await sleep(deps.clock, leasePollIntervalMs);
  }
}

/** Returns how long no new token may be asked for, in milliseconds: 0 when that was a minute ago, or the token has expired. */
function refreshPauseLeftMs({ accessExpiresAt, refreshAttemptedAt }: Installation, nowMs: number): number {
  if (!refreshAttemptedAt || !accessExpiresAt || accessExpiresAt.getTime() <= nowMs || refreshAttemptedAt.getTime() > nowMs)
    return 0;
  return Math.max(refreshAttemptedAt.getTime() + minRefreshIntervalMs - nowMs, 0);
}

/** @throws AppError unless the row has tokens that may be used */
export function requireActive(row: Installation): Installation {
  const reason = row.statusReason ?? undefined;
  switch (row.status) {
    case 'pending':
      throw new AppError('installation_missing', `The app is not set up in ${row.kind} ${row.resourceId} yet.`);
    case 'uninstalled':
      throw new AppError('uninstalled', `The app was uninstalled from ${row.kind} ${row.resourceId}.`);
    case 'suspended':
      throw new AppError('location_inactive', reason ?? 'This location is not active at present.');
    case 'reauth_required':
      throw new AppError('reauth_required', reason ?? 'The app must be installed again.');
    case 'active':
      return row;
  }
}

interface Lease {
  id: string;
  /** When the reconciler goes on where this process dies. */
  until: Date;
}

/** @returns null while another holds it or once the tokens are no longer those that were seen */
async function acquireLease(deps: RenewDeps, seen: Installation): Promise<Lease | null> {
  const now = dateNow(deps.clock);
  const id = deps.newId();
  const until = new Date(now.getTime() + leaseTtlMs);
  const minAgeAt = new Date(now.getTime() - minRefreshIntervalMs);
  // Should this process die with it, the reconciler goes on as soon as it has run out: the old refresh token is still good then.
  const count = await deps.db.client.$executeRaw`
    UPDATE installations
    SET refresh_lease = ${id}::uuid, refresh_lease_until = ${until},
      refresh_attempted_at = CASE WHEN status IN ('active', 'suspended') THEN ${now}::timestamptz ELSE refresh_attempted_at END, reconcile_at = LEAST(reconcile_at, ${until})
    WHERE kind = ${seen.kind}::installation_kind AND resource_id = ${seen.resourceId} AND token_version = ${seen.tokenVersion}
      AND status <> 'uninstalled' AND (refresh_lease_until IS NULL OR refresh_lease_until < ${now})
      AND (refresh_attempted_at IS NULL OR refresh_attempted_at <= ${minAgeAt} OR refresh_attempted_at > ${now}
        OR access_expires_at IS NULL OR access_expires_at <= ${now})`;
  return count === 1 ? { id, until } : null;
}

async function renewUnderLease(deps: RenewDeps, seen: Installation, lease: Lease): Promise<string> {
  try {
    const tokens = await tryTokenSources(deps, seen, lease.id);
    return await storeTokens(deps, seen, lease, tokens);
  } catch (error) {
    await releaseLease(deps, seen, lease, error);
    throw error;
  }
}

/** Tries one rung after the other. The lease is renewed before each, as each may take as long as it lasts. */
async function tryTokenSources(deps: RenewDeps, row: Installation, lease: string): Promise<TokenSet> {
  let forbidden: AppError | null = null;
  for (const source of tokenSources) {
    await deps.db.client.installation.updateMany({
      where: { ...keyOf(row), refreshLease: lease },
      data: { refreshLeaseUntil: new Date(deps.clock.now() + leaseTtlMs) },
    });
    const tokens = await source(deps, row).catch((error: unknown) => {
      // The company may not ask for its locations' tokens. Another way may lead to one; if none does, this is why.
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
    const { count } = await tx.installation.updateMany({
      where: { ...keyOf(seen), refreshLease: lease.id, status: { not: 'uninstalled' } },
      data: {
        ...sealTokens(box, seen, tokens, now),
        ...activeFields,
        // A refresh is no end of what is tried in vain.
        reconcileAttempts: seen.status === 'active' ? seen.reconcileAttempts : 0,
        companyId: tokens.companyId ?? seen.companyId,
        updatedAt: now,
      },
    });
    if (count === 0) return false;
    await requestPermissionProbe(tx, seen, now);
    const row = (await findInstallation(tx, seen)) as Installation;
    if (seen.status !== 'active') await onActivated(deps, tx, row, seen.status);
    await tx.installation.update({
      where: { kind_resourceId: keyOf(row) },
      data: { reconcileAt: reconcileAtAfterRenewal(row, seen, lease, now, deps.jitter()) },
    });
    return true;
  });
  // A new install, or another process after our lease had run out, wrote its own tokens meanwhile: those are the newer ones.
  if (!isStored) return openToken(box, await getActive(deps, seen), 'access_token');
  if (seen.status !== 'active') log.info(keyOf(seen), 'installation is active');
  return tokens.accessToken;
}

/** When to look at an installation with new tokens. A refresh alone is no reason to look sooner than was planned, or it would end a pause. */
function reconcileAtAfterRenewal(row: Installation, seen: Installation, lease: Lease, now: Date, jitter: number): Date | null {
  const planned = nextReconcileAt(row, now, jitter);
  // A company that has just begun lists its locations next; a location is asked for its name.
  if (seen.status !== 'active') return row.profileFetchedAt === null ? now : planned;
  const isOurs = row.reconcileAt?.getTime() === lease.until.getTime();
  return isOurs && planned ? new Date(Math.max(planned.getTime(), seen.reconcileAt?.getTime() ?? 0)) : row.reconcileAt;
}

/** What holds of an installation that has just got tokens. */
export const activeFields = {
  status: 'active',
  statusReason: null,
  reconcileAttempts: 0,
  slotReservedAt: null,
  // A refresh that was under way is of the old token set and must not be written over this one.
  refreshLease: null,
  refreshLeaseUntil: null,
} as const;

/** What follows from an installation's being active that was not. */
export async function onActivated(
  deps: Pick<RenewDeps, 'clock' | 'newId' | 'releaseWaiting'>,
  tx: Executor,
  row: Installation,
  previousStatus: InstallationStatus | undefined,
  actor: Actor = 'patchbay',
): Promise<void> {
  const isNew = previousStatus === undefined || previousStatus === 'pending' || previousStatus === 'uninstalled';
  await audit(tx, deps, { actor, action: isNew ? 'installed' : 'reactivated', ...auditScope(row) });
  if (row.kind === 'company') {
    await tx.installation.update({ where: { kind_resourceId: keyOf(row) }, data: { nextSyncAt: dateNow(deps.clock) } });
    // What its locations could not do without it, they can do now.
    await tx.installation.updateMany({
      where: { kind: 'location', companyId: row.resourceId, status: { notIn: ['active', 'uninstalled'] } },
      data: { reconcileAt: dateNow(deps.clock), reconcileAttempts: 0 },
    });
    return;
  }
  if (isNew) await tx.connection.updateMany({ where: { locationId: row.resourceId }, data: { disabledAt: null } });
  await deps.releaseWaiting(tx, row.resourceId);
}

async function getActive(deps: RenewDeps, key: InstallationKey): Promise<Installation> {
  const row = await findInstallation(deps.db.client, key);
  if (!row) throw new AppError('installation_missing', `The app is not installed in ${key.kind} ${key.resourceId}.`);
  return requireActive(row);
}

async function releaseLease(deps: RenewDeps, seen: Installation, lease: Lease, error: unknown): Promise<void> {
  const { db, clock, log } = deps;
  const status = toStatus(error);
  const now = dateNow(clock);
  const clearedLease = { refreshLease: null, refreshLeaseUntil: null };
  const isChange = status !== null && status !== seen.status;
  const patch = isChange ? { status, reconcileAttempts: 0 } : {};
  await db.transaction(async (tx) => {
    // What was planned stands again, unless there was news.
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
      await audit(tx, deps, { actor: 'patchbay', action, ...auditScope(seen), details: (error as Error).message });
    }
  });
  if (!isChange) return;
  // The alert: nobody but the installer can mend it.
  const level = status === 'reauth_required' ? 'error' : 'warn';
  log[level]({ err: error, ...keyOf(seen) }, `installation is ${status}`);
}

/** Only a definite answer about this installation changes its status (platform.md 5.4). */
function toStatus(error: unknown): 'suspended' | 'reauth_required' | null {
  if (isAppError(error, 'location_inactive')) return 'suspended';
  if (isAppError(error, 'reauth_required')) return 'reauth_required';
  return null;
}

/** Where an entry about an installation belongs. */
export function auditScope(row: Pick<Installation, 'kind' | 'resourceId' | 'companyId'>) {
  return row.kind === 'company' ? { companyId: row.resourceId } : { locationId: row.resourceId, companyId: row.companyId };
}
