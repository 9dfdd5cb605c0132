import * as z from 'zod';
import { text, unknownField } from '../../core/foreign.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { EmailContext } from './config.ts';

/** Token for a sign-in, or the reason why there is none. */
export type TokenResult =
  | { readonly kind: 'token'; readonly accessToken: string; readonly refreshToken?: string | undefined }
  | { readonly kind: 'refused' | 'unavailable'; readonly code: string; readonly message: string };

const timeoutMs = 20_000;
/** A token is renewed this long before it ends, so that it does not end on the way. */
const renewalMarginMs = 5 * 60 * 1000;
const defaultLifetimeSeconds = 3_600;
const maxCached = 10_000;

interface CachedToken {
  readonly accessToken: string;
  readonly renewAt: number;
}

const tokenResponse = z.object({
  access_token: text,
  refresh_token: text,
  expires_in: unknownField.transform((value) => (Number(value) > 0 ? Number(value) : defaultLifetimeSeconds)),
  error: text,
  error_description: text,
});

/** Parses the response of a token endpoint. */
export function readTokenResponse(body: Record<string, unknown>): z.output<typeof tokenResponse> {
  return tokenResponse.parse(body);
}

/** Gets access tokens, and keeps them in this process until shortly before they end. */
export type GetAccessToken = (context: EmailContext, isRefused?: boolean) => Promise<TokenResult | null>;

/**
 * Creates the access to tokens.
 *
 * A new refresh token, which Microsoft sends with each renewal, is returned for the caller to store: the earlier one stays valid for weeks.
 */
export function createTokenSource(): GetAccessToken {
  const cache = new Map<string, CachedToken>();
  return async (context, isRefused = false) => {
    const { oauth } = context.connection.config;
    if (!oauth) return null;
    const stored = await context.state.get<{ refreshToken?: string; refreshTokenOf?: string }>();
    const refreshToken =
      stored?.refreshToken && stored.refreshTokenOf === oauth.refreshToken.slice(-16)
        ? stored.refreshToken
        : oauth.refreshToken;
    const key = [context.connection.id, oauth.tokenUrl, oauth.clientId, oauth.refreshToken].join('\n');
    const cached = cache.get(key);
    if (cached && !isRefused && cached.renewAt > context.clock.now()) return { kind: 'token', accessToken: cached.accessToken };
    cache.delete(key);
    const result = await requestToken(context, oauth, refreshToken);
    if (result.kind !== 'token') return result;
    if (cache.size >= maxCached) cache.clear();
    cache.set(key, { accessToken: result.accessToken, renewAt: context.clock.now() + result.lifetimeMs - renewalMarginMs });
    return result;
  };
}

async function requestToken(
  { http, signal }: EmailContext,
  oauth: NonNullable<EmailContext['connection']['config']['oauth']>,
  refreshToken: string,
): Promise<Exclude<TokenResult, { kind: 'token' }> | (Extract<TokenResult, { kind: 'token' }> & { lifetimeMs: number })> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: oauth.clientId });
  if (oauth.clientSecret) form.set('client_secret', oauth.clientSecret);
  if (oauth.scope) form.set('scope', oauth.scope);
  try {
    const response = await http.request({
      ...{ method: 'POST', url: oauth.tokenUrl, data: form.toString(), timeout: timeoutMs, signal },
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    });
    const body = readTokenResponse(toJsonObject(response));
    if (response.status === 200 && body.access_token) {
      return {
        kind: 'token',
        accessToken: body.access_token,
        refreshToken: body.refresh_token,
        lifetimeMs: body.expires_in * 1000,
      };
    }
    // Errors of RFC 6749 have a status of 400 or 401; all others are those of a server that is down.
    if (response.status !== 400 && response.status !== 401) {
      return { kind: 'unavailable', code: `http_${response.status}`, message: 'The sign-in service can’t be used at present.' };
    }
    const code = /^[a-z_]{1,40}$/.test(body.error ?? '') ? body.error : 'refused';
    return {
      kind: 'refused',
      code: 'oauth_refused',
      message: `The sign-in with OAuth 2 was refused (${code}): sign in again.`,
    };
  } catch (error) {
    const { message } = toRequestFailure(error);
    return { kind: 'unavailable', code: 'oauth_unreachable', message: `The sign-in service could not be reached: ${message}.` };
  }
}
