import { AppError, isAppError } from '../core/errors.ts';
import type { TokenOwner, Tokens } from '../highlevel/client.ts';
import { refreshAheadMs } from './reconcile-schedule.ts';
import { type RenewDeps, renewToken, requireActive } from './renew-token.ts';
import { createInstallationLoader, type Installation, keyOf, openToken } from './store.ts';

/** What the rest of the program may ask of tokens. */
export interface AccessTokens extends Tokens {
  /** Resolves when messages of this location may go out: their state can be reported. @throws AppError as `getToken` */
  requireValidToken(locationId: string): Promise<void>;
  /** Looks for new tokens whatever the status says. @throws AppError as `getToken` */
  renewOnce(row: Installation): Promise<string>;
}

const minRefreshIntervalMs = 60_000;

function isRecent(at: Date | null, now: number): boolean {
  return at !== null && at.getTime() <= now && now - at.getTime() < minRefreshIntervalMs;
}

/**
 * The one place that hands out valid access tokens. What is suspended or must be installed again is not asked about here: the
 * reconciler does that in its own time, so that ten thousand waiting messages are not ten thousand questions.
 */
export function createAccessTokens(deps: RenewDeps): AccessTokens {
  const { db, box, clock, log } = deps;
  const inFlight = new Map<string, Promise<string>>();
  const loadInstallation = createInstallationLoader(db);

  const renewOnce = (row: Installation) => {
    const name = `${row.kind}/${row.resourceId}/${row.tokenVersion}`;
    const running = inFlight.get(name) ?? renewToken(deps, row).finally(() => inFlight.delete(name));
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
    // Still good, and its refresh has just failed: ten thousand messages do not ask ten thousand times.
    if (leftMs > 0 && isRecent(row.refreshAttemptedAt, clock.now())) return openToken(box, row, 'access_token');
    try {
      return await renewOnce(row);
    } catch (error) {
      if (leftMs <= 0 || !isAppError(error, 'highlevel_unreachable', 'highlevel_limit', 'app_not_configured')) throw error;
      log.warn({ err: error, ...keyOf(row) }, 'a token could not be refreshed ahead of time');
      return openToken(box, row, 'access_token');
    }
  }

  return {
    async getToken(owner) {
      const row = await getInstallation(owner);
      // Until the last reports are made, an uninstalled location keeps its access token and nothing else.
      const isLeaving = row.status === 'uninstalled' && row.accessToken !== null;
      return isLeaving ? openToken(box, row, 'access_token') : getValidToken(requireActive(row));
    },

    async getReplacementToken(owner, rejectedToken) {
      const row = requireActive(await getInstallation(owner));
      const current = openToken(box, row, 'access_token');
      if (current !== rejectedToken) return current;
      const now = clock.now();
      // One refresh a minute and no more: what its token is refused for, no other token mends.
      if (isRecent(row.refreshAttemptedAt, now)) {
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
