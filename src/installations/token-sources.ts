import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { type HighLevel, toCompanyOwner } from '../highlevel/client.ts';
import { mintLocationToken } from '../highlevel/companies.ts';
import { toHighLevelGroupKey } from '../highlevel/group-keys.ts';
import {
  type AppKeys,
  processCodeResponse,
  processReconnectResponse,
  processRefreshResponse,
  requestReconnectCode,
  requestTokenByCode,
  requestTokenByRefresh,
  type TokenSet,
} from '../highlevel/oauth.ts';
import { highLevelRateLimit } from '../highlevel/rate-limit.ts';
import { reserveSlot } from '../queue/rate-limits.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { findInstallation, type Installation, keyOf, openToken, toInstallationKey } from './store.ts';

export interface TokenSourceDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  highLevelHttp: HttpClient;
  /** For calls with the company's token. */
  highLevel: HighLevel;
  app: AppKeys;
}

/**
 * A source of new token sets.
 *
 * @returns null when HighLevel definitely refuses this source
 * @throws AppError when that is unknown, or the installation is only suspended
 */
export type TokenSource = (row: Installation) => Promise<TokenSet | null>;

/**
 * Creates the sources of new tokens, the cheapest first (platform.md 5.4 to 5.7). The first also covers an interrupted commit: the row
 * still has the previous refresh token then, which HighLevel accepts again for 30 seconds.
 */
export function createTokenSources(deps: TokenSourceDeps): readonly TokenSource[] {
  return [fromRefreshToken, fromCompanyToken, fromReconnect].map((source) => (row) => source(deps, row));
}

async function fromRefreshToken(
  { box, clock, highLevelHttp, app }: TokenSourceDeps,
  row: Installation,
): Promise<TokenSet | null> {
  if (!row.refreshToken) return null;
  const sentAt = dateNow(clock);
  const response = await requestTokenByRefresh(highLevelHttp, app, openToken(box, row, 'refresh_token'), row.kind);
  return nullIfReauthRequired(() => requireOwnTokens(row, processRefreshResponse(response, sentAt)));
}

/** Requests a location's token with its company's. */
async function fromCompanyToken(deps: TokenSourceDeps, row: Installation): Promise<TokenSet | null> {
  if (row.kind === 'company' || !row.companyId) return null;
  const agency = await findInstallation(deps.db.client, toCompanyOwner(row.companyId));
  if (!agency?.accessToken || agency.status === 'uninstalled') return null;
  const slotReservedAt = await reserveSlot(deps, toHighLevelGroupKey(keyOf(agency)), highLevelRateLimit, row.slotReservedAt);
  if (slotReservedAt) {
    const where = { kind_resourceId: keyOf(row) };
    await deps.db.client.installation.update({ where, data: { slotReservedAt } });
    throw new AppError('highlevel_limit', 'Waiting for the rate limit to request this location’s token.', {
      retryAfterMs: slotReservedAt.getTime() - deps.clock.now(),
    });
  }
  try {
    return await mintLocationToken(deps.highLevel, row.companyId, row.resourceId, dateNow(deps.clock));
  } catch (error) {
    if (isAppError(error, 'highlevel_refused', 'highlevel_token_rejected', 'reauth_required', 'uninstalled')) return null;
    throw error;
  }
}

/** Requests a new code, which HighLevel issues without a user while the app is installed, and exchanges it for tokens. */
async function fromReconnect({ clock, highLevelHttp, app }: TokenSourceDeps, row: Installation): Promise<TokenSet | null> {
  const response = await requestReconnectCode(highLevelHttp, app, keyOf(row));
  const code = nullIfReauthRequired(() => processReconnectResponse(response));
  if (code === null) return null;
  const sentAt = dateNow(clock);
  const codeResponse = await requestTokenByCode(highLevelHttp, app, code, row.kind);
  try {
    return requireOwnTokens(row, processCodeResponse(codeResponse, sentAt));
  } catch (error) {
    if (isAppError(error, 'install_code_refused')) return null;
    throw error;
  }
}

/** Returns the tokens if they belong to this installation. @throws AppError `highlevel_unreachable` for tokens of another one */
function requireOwnTokens(row: Installation, tokens: TokenSet): TokenSet {
  const { kind, resourceId } = toInstallationKey(tokens);
  if (kind === row.kind && resourceId === row.resourceId) return tokens;
  throw new AppError('highlevel_unreachable', 'The CRM returned tokens of another installation.');
}

function nullIfReauthRequired<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isAppError(error, 'reauth_required')) return null;
    throw error;
  }
}
