import { AppError, isAppError } from '../core/errors.ts';
import type { TokenOwner, Tokens } from '../highlevel/client.ts';
import { refreshAheadMs } from './due.ts';
import { type RenewDeps, renew, usable } from './renew.ts';
import { type Installation, installationReader, keyOf, openToken } from './store.ts';

/** What the rest of the program may ask of tokens. */
export interface AccessTokens extends Tokens {
  /** Resolves when messages of this location may go out: their state can be reported. @throws AppError as `tokenFor` */
  readyToSend(locationId: string): Promise<void>;
  /** Looks for new tokens whatever the status says. @throws AppError as `tokenFor` */
  renewed(row: Installation): Promise<string>;
}

const refreshPauseMs = 60_000;

function isWithin(at: Date | null, now: number): boolean {
  return at !== null && at.getTime() <= now && now - at.getTime() < refreshPauseMs;
}

/**
 * The one place that hands out valid access tokens. What is suspended or must be installed again is not asked about here: the
 * reconciler does that in its own time, so that ten thousand waiting messages are not ten thousand questions.
 */
export function accessTokens(deps: RenewDeps): AccessTokens {
  const { db, box, clock, log } = deps;
  const underWay = new Map<string, Promise<string>>();
  const installationOf = installationReader(db);

  const renewed = (row: Installation) => {
    const name = `${row.kind}/${row.resourceId}/${row.tokenSet}`;
    const running = underWay.get(name) ?? renew(deps, row).finally(() => underWay.delete(name));
    underWay.set(name, running);
    return running;
  };

  async function find(owner: TokenOwner): Promise<Installation> {
    const row = await installationOf(owner);
    if (row) return row;
    throw new AppError('installation_missing', `The app is not installed in ${owner.kind} ${owner.resourceId}.`);
  }

  async function goodToken(row: Installation): Promise<string> {
    const leftMs = row.accessExpiresAt ? row.accessExpiresAt.getTime() - clock.now() : 0;
    if (leftMs > refreshAheadMs) return openToken(box, row, 'access_token');
    // Still good, and its refresh has just failed: ten thousand messages do not ask ten thousand times.
    if (leftMs > 0 && isWithin(row.refreshTriedAt, clock.now())) return openToken(box, row, 'access_token');
    try {
      return await renewed(row);
    } catch (error) {
      if (leftMs <= 0 || !isAppError(error, 'highlevel_unreachable', 'highlevel_limit', 'app_not_configured')) throw error;
      log.warn({ err: error, ...keyOf(row) }, 'a token could not be refreshed ahead of time');
      return openToken(box, row, 'access_token');
    }
  }

  return {
    async tokenFor(owner) {
      const row = await find(owner);
      // Until the last reports are made, an uninstalled location keeps its access token and nothing else.
      const isLeaving = row.status === 'uninstalled' && row.accessToken !== null;
      return isLeaving ? openToken(box, row, 'access_token') : goodToken(usable(row));
    },

    async replacementFor(owner, refused) {
      const row = usable(await find(owner));
      const current = openToken(box, row, 'access_token');
      if (current !== refused) return current;
      const now = clock.now();
      // One refresh a minute and no more: what its token is refused for, no other token mends.
      if (isWithin(row.refreshTriedAt, now)) {
        if (row.tokensSince && row.refreshTriedAt && row.tokensSince >= row.refreshTriedAt) return null;
        throw new AppError('highlevel_unreachable', 'The CRM gave no new access token a moment ago.', {
          retryAfterMs: (row.refreshTriedAt?.getTime() ?? now) + refreshPauseMs - now,
        });
      }
      return renewed(row);
    },

    async readyToSend(locationId) {
      await goodToken(usable(await find({ kind: 'location', resourceId: locationId })));
    },

    renewed,
  };
}
