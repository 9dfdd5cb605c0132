import { createHash } from 'node:crypto';
import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import { createToken, revokeCode, type SignInState, type SimClient } from './state.ts';

/** How a service departs from the other. */
export interface ServiceRules {
  readonly name: 'google' | 'microsoft';
  /** Sends a new refresh token with each renewal. */
  readonly rotates: boolean;
  /** Scopes that the response does not name. */
  readonly isUnnamedScope: (scope: string) => boolean;
  readonly toIdClaims: (account: string) => Record<string, unknown>;
}

export type TokenReply = { status: number; body: Record<string, unknown> };

export const codeTtlMs = 10 * 60 * 1000;
const accessTtlSeconds = 3_599;

interface TokenDeps {
  clock: Clock;
  random: RandomSource;
  rules: ServiceRules;
  state: SignInState;
  /** A refresh token works once, and its repeat ends all tokens of the authorization: stricter than either service. */
  isSingleUse: () => boolean;
}

const refuse = (error: string, status = 400): TokenReply => ({
  status,
  body: { error, error_description: `Simulated: ${error}.` },
});

/** Responds as a token endpoint does (RFC 6749 sections 4.1.3, 5 and 6, RFC 7636 section 4.6). */
export function respondToTokenRequest(deps: TokenDeps, form: URLSearchParams): TokenReply {
  const names = [...form.keys()];
  if (new Set(names).size !== names.length) return refuse('invalid_request');
  const client = deps.state.clients.find(({ clientId }) => clientId === form.get('client_id'));
  if (!client || form.get('client_secret') !== client.clientSecret) return refuse('invalid_client', 401);
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return redeemCode(deps, client, form);
    case 'refresh_token':
      return renew(deps, client, form);
    default:
      return refuse('unsupported_grant_type');
  }
}

function redeemCode(deps: TokenDeps, { clientId }: SimClient, form: URLSearchParams): TokenReply {
  const { state, clock, random } = deps;
  const name = form.get('code') ?? '';
  const code = state.codes.get(name);
  if (!code || code.clientId !== clientId) return refuse('invalid_grant');
  if (code.isUsed) {
    // RFC 6749 4.1.2: a code that is used twice may be stolen.
    revokeCode(state, name);
    return refuse('invalid_grant');
  }
  const verifier = form.get('code_verifier') ?? '';
  const isVerified =
    /^[A-Za-z0-9._~-]{43,128}$/.test(verifier) && createHash('sha256').update(verifier).digest('base64url') === code.challenge;
  if (code.expiresAt < clock.now() || form.get('redirect_uri') !== code.redirectUri || !isVerified)
    return refuse('invalid_grant');
  code.isUsed = true;
  const { account, scopes, isOffline } = code;
  const issued = { code: name, clientId, account, scopes };
  const refreshToken = isOffline ? addRefreshToken(deps, issued) : undefined;
  const idToken = scopes.includes('openid') ? createIdToken(deps, clientId, account) : undefined;
  return respondWithTokens(deps, createToken(random, 'access'), issued, { refresh_token: refreshToken, id_token: idToken });
}

function renew(deps: TokenDeps, { clientId }: SimClient, form: URLSearchParams): TokenReply {
  const { state, random, rules } = deps;
  const token = state.refreshTokens.get(form.get('refresh_token') ?? '');
  if (!token || token.clientId !== clientId || token.isRevoked) return refuse('invalid_grant');
  if (token.isReplaced && deps.isSingleUse()) {
    revokeCode(state, token.code);
    return refuse('invalid_grant');
  }
  const asked = form.get('scope')?.split(' ') ?? token.scopes;
  if (asked.some((scope) => !token.scopes.includes(scope))) return refuse('invalid_scope');
  let refreshToken: string | undefined;
  if (rules.rotates) {
    token.isReplaced = true;
    const { code, account, scopes } = token;
    refreshToken = addRefreshToken(deps, { code, clientId, account, scopes });
  }
  return respondWithTokens(deps, createToken(random, 'access'), token, { refresh_token: refreshToken });
}

interface Issued {
  readonly code: string;
  readonly clientId: string;
  readonly account: string;
  readonly scopes: readonly string[];
}

function addRefreshToken({ state, random }: TokenDeps, issued: Issued): string {
  const name = createToken(random, 'refresh');
  state.refreshTokens.set(name, { ...issued, isReplaced: false, isRevoked: false });
  return name;
}

function respondWithTokens(
  { state, clock, rules }: TokenDeps,
  accessToken: string,
  { code, account, scopes }: Issued,
  more: { refresh_token?: string | undefined; id_token?: string | undefined },
): TokenReply {
  state.accessTokens.set(accessToken, { code, account, scopes, expiresAt: clock.now() + accessTtlSeconds * 1000 });
  const named = scopes.filter((scope) => !rules.isUnnamedScope(scope)).join(' ');
  const given = Object.fromEntries(Object.entries(more).filter(([, value]) => value !== undefined));
  return {
    status: 200,
    body: { access_token: accessToken, expires_in: accessTtlSeconds, token_type: 'Bearer', scope: named, ...given },
  };
}

/** Creates an id token as the services do; its signature is random, as a client that got it here need not check it. */
function createIdToken({ clock, random, rules }: TokenDeps, clientId: string, account: string): string {
  const now = Math.floor(clock.now() / 1000);
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { aud: clientId, iat: now, exp: now + 3600, ...rules.toIdClaims(account) };
  return `${encode({ alg: 'RS256', typ: 'JWT', kid: 'simulated' })}.${encode(claims)}.${random(64).toString('base64url')}`;
}
