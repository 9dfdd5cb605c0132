import { type Clock, nowOf, pause } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import type { Tokens } from '../highlevel/client.ts';
import { type AppKeys, readRefreshAnswer, requestTokenByRefresh, type TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { findInstallation, type Installation, type InstallationKey, openToken, sealedTokens } from './store.ts';

export interface AccessTokenDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  highLevelHttp: HttpClient;
  app: AppKeys;
  log: Log;
}

/** A token with less left than this is refreshed before it is used. */
const refreshAheadMs = 30 * 60 * 1000;
/** Longer than a refresh can take, shorter than HighLevel's 30 seconds in which the old refresh token is still good (platform.md 5.4). */
const leaseMs = 20 * 1000;
const waitMs = 100;
/** A suspended location is asked about again no more often than this. */
const suspendedRestMs = 15 * 1000;

/**
 * The one place that hands out a valid access token for a location.
 *
 * A refresh spends the refresh token, so it happens once however many ask, in this process (one promise) and in all (a lease in the
 * row). The new tokens are committed before either is used. A failed call changes nothing.
 */
export function accessTokens(deps: AccessTokenDeps): Tokens {
  const underWay = new Map<string, Promise<string>>();
  const refreshOnce = (row: Installation) => {
    const name = `${row.kind}/${row.resourceId}`;
    const running = underWay.get(name) ?? refresh(deps, row).finally(() => underWay.delete(name));
    underWay.set(name, running);
    return running;
  };

  return {
    async tokenFor(locationId) {
      const row = await usable(deps, { kind: 'location', resourceId: locationId });
      const left = row.accessExpiresAt ? row.accessExpiresAt.getTime() - deps.clock.now() : 0;
      if (row.status === 'active' && left > refreshAheadMs) return openToken(deps.box, row, 'access_token');
      try {
        return await refreshOnce(row);
      } catch (error) {
        const isStillGood = row.status === 'active' && left > 0;
        if (!isStillGood || !isAppError(error, 'highlevel_unreachable', 'app_not_configured')) throw error;
        deps.log.warn({ err: error, locationId }, 'a token could not be refreshed ahead of time');
        return openToken(deps.box, row, 'access_token');
      }
    },

    async replacementFor(locationId, refused) {
      const row = await usable(deps, { kind: 'location', resourceId: locationId });
      const current = openToken(deps.box, row, 'access_token');
      return current === refused ? refreshOnce(row) : current;
    },
  };
}

/** The installation, if it has tokens to work with. */
async function usable(deps: AccessTokenDeps, key: InstallationKey): Promise<Installation> {
  const row = await findInstallation(deps.db, key);
  if (!row?.refreshToken || row.status === 'uninstalled') {
    throw new AppError('installation_missing', `The app is not installed in location ${key.resourceId}.`);
  }
  if (row.status === 'reauth_required') {
    throw new AppError('reauth_required', row.statusReason ?? 'This location must be connected to HighLevel again.');
  }
  if (row.status === 'suspended' && deps.clock.now() - row.updatedAt.getTime() < suspendedRestMs) {
    throw new AppError('location_inactive', row.statusReason ?? 'HighLevel says that this location is not active.');
  }
  return row;
}

/** Refreshes under the lease, or waits for whoever has it. */
async function refresh(deps: AccessTokenDeps, seen: Installation): Promise<string> {
  const giveUpAt = deps.clock.now() + 2 * leaseMs;
  for (;;) {
    const lease = await takeLease(deps, seen);
    if (lease) return refreshUnderLease(deps, seen, lease);
    const row = await usable(deps, seen);
    if (row.refreshToken !== seen.refreshToken) return openToken(deps.box, row, 'access_token');
    if (deps.clock.now() > giveUpAt) {
      throw new AppError('highlevel_unreachable', 'Another process is still refreshing the token of this location.');
    }
    await pause(deps.clock, waitMs);
  }
}

/** @returns the lease, or null while another holds it or once the tokens are no longer those that were seen */
async function takeLease(deps: AccessTokenDeps, seen: Installation): Promise<string | null> {
  const now = nowOf(deps.clock);
  const lease = deps.newId();
  const { count } = await deps.db.client.installation.updateMany({
    where: {
      kind: seen.kind,
      resourceId: seen.resourceId,
      refreshToken: seen.refreshToken,
      OR: [{ refreshLeaseUntil: null }, { refreshLeaseUntil: { lt: now } }],
    },
    data: { refreshLease: lease, refreshLeaseUntil: new Date(now.getTime() + leaseMs) },
  });
  return count === 1 ? lease : null;
}

async function refreshUnderLease(deps: AccessTokenDeps, row: Installation, lease: string): Promise<string> {
  const { db, box, clock, log } = deps;
  const mine = { kind: row.kind, resourceId: row.resourceId, refreshLease: lease };
  const released = { refreshLease: null, refreshLeaseUntil: null };
  let tokens: TokenSet;
  try {
    const sentAt = nowOf(clock);
    const refreshToken = openToken(box, row, 'refresh_token');
    tokens = readRefreshAnswer(await requestTokenByRefresh(deps.highLevelHttp, deps.app, refreshToken, row.kind), sentAt);
  } catch (error) {
    const status = statusAfter(error);
    await db.client.installation.updateMany({
      where: mine,
      data: status ? { ...released, status, statusReason: (error as Error).message, updatedAt: nowOf(clock) } : released,
    });
    if (status) log.warn({ err: error, kind: row.kind, resourceId: row.resourceId }, `installation is ${status}`);
    throw error;
  }
  const { count } = await db.client.installation.updateMany({
    where: mine,
    data: { ...released, ...sealedTokens(box, row, tokens), status: 'active', statusReason: null, updatedAt: nowOf(clock) },
  });
  // A new install, or another process after our lease had run out, wrote its own tokens meanwhile: those are the newer ones.
  if (count === 0) return openToken(box, await usable(deps, row), 'access_token');
  return tokens.accessToken;
}

/** Only a definite answer about this installation changes its status (platform.md 5.4). */
function statusAfter(error: unknown): 'suspended' | 'reauth_required' | null {
  if (isAppError(error, 'location_inactive')) return 'suspended';
  if (isAppError(error, 'reauth_required')) return 'reauth_required';
  return null;
}
