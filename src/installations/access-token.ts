import type { Clock } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import type { TokenOwner, Tokens } from '../highlevel/client.ts';
import type { Log } from '../runtime/log.ts';
import { refreshAheadMs } from './reconcile-schedule.ts';
import { requireActive } from './renew-token.ts';
import { createInstallationLoader, type Installation, keyOf, openToken } from './store.ts';

export interface AccessTokenDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  log: Log;
  renewToken(row: Installation): Promise<string>;
}

/** Source of valid access tokens. */
export interface AccessTokens extends Tokens {
  /** Resolves when messages of this location may be sent, as their state can be reported. @throws AppError as `getToken` */
  requireValidToken(locationId: string): Promise<void>;
  /** Gets new tokens in any status; concurrent calls of this process share one renewal. @throws AppError as `getToken` */
  renewOnce(row: Installation): Promise<string>;
}

const minRefreshIntervalMs = 60_000;

function isRecent(at: Date | null, now: number): boolean {
  return at !== null && at.getTime() <= now && now - at.getTime() < minRefreshIntervalMs;
}

/**
 * Creates the only source of valid access tokens. It does not retry an installation that is suspended or requires reauthorization: the
 * reconciler does that on its own schedule, so that ten thousand waiting messages do not make ten thousand requests.
 */
export function createAccessTokens({ db, box, clock, log, renewToken }: AccessTokenDeps): AccessTokens {
  const inFlight = new Map<string, Promise<string>>();
  const loadInstallation = createInstallationLoader(db);

  const renewOnce = (row: Installation) => {
    const name = `${row.kind}/${row.resourceId}/${row.tokenVersion}`;
    const running = inFlight.get(name) ?? renewToken(row).finally(() => inFlight.delete(name));
    inFlight.set(name, running);
    return running;
  };

  async function getInstallation(owner: TokenOwner): Promise<Installation> {
    const row = await loadInstallation(owner);
    if (row) return row;
    throw new AppError('installation_missing', `The app is not installed in ${owner.kind} ${owner.resourceId}.`);
  }

  async function getValidToken(row: Installation): Promise<string> {
    const leftMs = row.accessExpiresAt ? row.accessExpiresAt.getTime() - clock.now() : 0;
    if (leftMs > refreshAheadMs) return openToken(box, row, 'access_token');
    // The token is still valid and its refresh has just failed: waiting messages must not repeat it.
    if (leftMs > 0 && isRecent(row.refreshAttemptedAt, clock.now())) return openToken(box, row, 'access_token');
    try {
      return await renewOnce(row);
    } catch (error) {
      if (leftMs <= 0 || !isAppError(error, 'highlevel_unreachable', 'highlevel_limit', 'app_not_configured')) throw error;
      log.warn({ err: error, ...keyOf(row) }, 'access token could not be refreshed ahead of its expiry');
      return openToken(box, row, 'access_token');
    }
  }

  return {
    async getToken(owner) {
      const row = await getInstallation(owner);
      // An uninstalled location retains only its access token, until its last reports are sent.
      const isLeaving = row.status === 'uninstalled' && row.accessToken !== null;
      return isLeaving ? openToken(box, row, 'access_token') : getValidToken(requireActive(row));
    },

    async getReplacementToken(owner, rejectedToken) {
      const row = requireActive(await getInstallation(owner));
      const current = openToken(box, row, 'access_token');
      if (current !== rejectedToken) return current;
      const now = clock.now();
      // At most one refresh a minute: if HighLevel rejects the token for another reason, a new token does not help. One that is
      // under way is waited for, and one whose process died is repeated.
      if (isRecent(row.refreshAttemptedAt, now) && row.refreshLease === null) {
        if (row.tokensStoredAt && row.refreshAttemptedAt && row.tokensStoredAt >= row.refreshAttemptedAt) return null;
        throw new AppError('highlevel_unreachable', 'The CRM gave no new access token a moment ago.', {
          retryAfterMs: (row.refreshAttemptedAt?.getTime() ?? now) + minRefreshIntervalMs - now,
        });
      }
      return renewOnce(row);
    },

    async requireValidToken(locationId) {
      await getValidToken(requireActive(await getInstallation({ kind: 'location', resourceId: locationId })));
    },

    renewOnce,
  };
}
