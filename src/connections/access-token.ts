import type { AccessTokenResult, OAuthSignIn } from '../channels/channel.ts';
import { type Clock, dateNow, sleep } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, OauthGrant } from '../database/client.ts';
import { requestTokens, type TokenResponse } from '../runtime/oauth-tokens.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import type { Connection } from './connection.ts';
import { createConfiguredGrant, findGrant, findSignIn, openGrantToken, sealTokens } from './oauth-grants.ts';

export interface AccessTokenDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  /** Guarded. */
  targetHttp: HttpClient;
}

/** Longer than a request takes. If its holder dies, another process renews after it, with the same refresh token. */
const leaseTtlMs = 15_000;
const leasePollIntervalMs = 100;
const maxWaitMs = 2 * leaseTtlMs;
/** Callers within this time of a refusal share it: a refused connection is held meanwhile. */
const refusalTtlMs = 30_000;

/** Codes of errors for which a person has to sign in again. */
const signInErrors = new Set(['invalid_grant', 'interaction_required', 'login_required', 'consent_required']);
const clientErrors = new Set(['invalid_client', 'unauthorized_client']);

/** Returns whether a grant was refused so that only another sign-in helps. A wrong client secret is the operator's to correct. */
export function hasEnded({ refusedCode }: Pick<OauthGrant, 'refusedCode'>): boolean {
  return refusedCode !== null && !clientErrors.has(refusedCode);
}

/**
 * Returns an access token of a connection's sign-in. Services may replace the refresh token with each renewal, so concurrent callers in all
 * processes share one renewal: the holder of the lease in the row makes it, the others wait for its result. New tokens are committed before
 * they are used, so that a crash loses none that was used.
 *
 * @param refused a token that the vendor has just refused
 */
export async function getAccessToken(
  deps: AccessTokenDeps,
  connection: Pick<Connection, 'id' | 'channel' | 'config'>,
  refused?: string,
): Promise<AccessTokenResult> {
  const signIn = findSignIn(connection);
  if (!signIn) {
    const message = 'The operator has not set up this sign-in, or has removed it.';
    return { kind: 'refused', code: 'oauth_not_configured', message };
  }
  const deadlineMs = deps.clock.now() + maxWaitMs;
  for (;;) {
    const now = dateNow(deps.clock);
    const grant =
      (await findGrant(deps.db.client, connection.id, signIn)) ??
      (await createConfiguredGrant(deps, connection.id, signIn, now));
    if (!grant) return requestForDraft(deps, signIn);
    const usable = findUsableToken(deps, grant, refused) ?? findRefusal(deps, signIn, grant);
    if (usable) return usable;
    const lease = await acquireLease(deps, grant);
    const renewed = lease && (await renewUnderLease(deps, signIn, grant, lease));
    if (renewed) return renewed;
    if (deps.clock.now() > deadlineMs) {
      return { kind: 'unavailable', code: 'oauth_busy', message: 'Another process is still renewing the sign-in.' };
    }
    await sleep(deps.clock, leasePollIntervalMs);
  }
}

/** Requests a token for a connection that is not stored yet, with the refresh token of its config. */
async function requestForDraft({ targetHttp }: AccessTokenDeps, signIn: OAuthSignIn): Promise<AccessTokenResult> {
  if (signIn.refreshToken === undefined) {
    const message = `The owner of the account still has to sign in with ${signIn.service}.`;
    return { kind: 'consent_required', code: 'oauth_consent_required', message };
  }
  const response = await requestTokens(targetHttp, signIn, toRefreshGrant(signIn, signIn.refreshToken));
  if (response.kind === 'tokens') return { kind: 'token', accessToken: response.accessToken };
  return response.kind === 'refused' ? toRefusal(signIn, response.error) : response;
}

function toRefreshGrant({ scope }: OAuthSignIn, refreshToken: string): Record<string, string> {
  return { grant_type: 'refresh_token', refresh_token: refreshToken, ...(scope ? { scope } : {}) };
}

function findUsableToken(
  { box, clock }: AccessTokenDeps,
  grant: OauthGrant,
  refused: string | undefined,
): AccessTokenResult | null {
  if (grant.accessToken === null || grant.accessRenewAt === null || grant.accessRenewAt <= dateNow(clock)) return null;
  const accessToken = openGrantToken(box, grant, 'access_token');
  return accessToken === refused ? null : { kind: 'token', accessToken };
}

function findRefusal({ clock }: AccessTokenDeps, signIn: OAuthSignIn, { refusedAt, refusedCode }: OauthGrant) {
  if (refusedAt === null || refusedCode === null) return null;
  const age = clock.now() - refusedAt.getTime();
  return age >= 0 && age < refusalTtlMs ? toRefusal(signIn, refusedCode) : null;
}

function toRefusal({ service, refreshToken }: OAuthSignIn, error: string): AccessTokenResult {
  if (clientErrors.has(error)) {
    const message = `${service} refuses the client id or the client secret (${error}): they have to be corrected.`;
    return { kind: 'refused', code: 'oauth_client_refused', message };
  }
  if (signInErrors.has(error) && refreshToken === undefined) {
    const message = `${service} no longer accepts the sign-in (${error}): sign in again.`;
    return { kind: 'refused', code: 'oauth_sign_in_again', message };
  }
  const message = `The sign-in with OAuth 2 was refused (${error}): sign in again.`;
  return { kind: 'refused', code: 'oauth_refused', message };
}

/** @returns null while another caller holds it, or when the tokens have been replaced since */
async function acquireLease({ db, clock, newId }: AccessTokenDeps, grant: OauthGrant): Promise<string | null> {
  const now = dateNow(clock);
  const id = newId();
  const until = new Date(now.getTime() + leaseTtlMs);
  const count = await db.client.$executeRaw`
    UPDATE oauth_grants SET renewal_lease = ${id}::uuid, renewal_lease_until = ${until}
    WHERE connection_id = ${grant.connectionId}::uuid AND source = ${grant.source} AND token_version = ${grant.tokenVersion}
      AND refused_at IS NOT DISTINCT FROM ${grant.refusedAt} AND (renewal_lease_until IS NULL OR renewal_lease_until < ${now})`;
  return count === 1 ? id : null;
}

/** @returns null when the lease has passed to another caller, or the tokens were replaced meanwhile */
async function renewUnderLease(
  deps: AccessTokenDeps,
  signIn: OAuthSignIn,
  grant: OauthGrant,
  lease: string,
): Promise<AccessTokenResult | null> {
  const { db, box, clock, targetHttp } = deps;
  const refreshToken = openGrantToken(box, grant, 'refresh_token');
  // Not aborted with its caller: the response may hold the only refresh token that stays valid.
  const response = await requestTokens(targetHttp, signIn, toRefreshGrant(signIn, refreshToken));
  const { count } = await db.client.oauthGrant.updateMany({
    where: { connectionId: grant.connectionId, renewalLease: lease },
    data: toRenewedFields(deps, grant, response, dateNow(clock)),
  });
  if (count === 0) return null;
  if (response.kind === 'tokens') return { kind: 'token', accessToken: response.accessToken };
  return response.kind === 'refused' ? toRefusal(signIn, response.error) : response;
}

function toRenewedFields({ box }: AccessTokenDeps, { connectionId }: OauthGrant, response: TokenResponse, now: Date) {
  const released = { renewalLease: null, renewalLeaseUntil: null };
  switch (response.kind) {
    case 'tokens':
      return { ...sealTokens(box, connectionId, response, now), tokenVersion: { increment: 1 } };
    case 'refused':
      return { ...released, refusedAt: now, refusedCode: response.error, updatedAt: now };
    case 'unavailable':
      return released;
  }
}
