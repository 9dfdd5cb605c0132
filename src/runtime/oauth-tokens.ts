import { createHash } from 'node:crypto';
import * as z from 'zod';
import { text, unknownField } from '../core/foreign.ts';
import { type HttpClient, toJsonObject, toRequestFailure } from './outbound-http.ts';

/** Token endpoint of an authorization server, and our client there. */
export interface TokenEndpoint {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string | undefined;
}

export interface IssuedTokens {
  readonly kind: 'tokens';
  readonly accessToken: string;
  /** Null where the earlier refresh token stays in use. */
  readonly refreshToken: string | null;
  readonly lifetimeMs: number;
  readonly scope: string | null;
  readonly idToken: string | null;
}

export type TokenResponse =
  | IssuedTokens
  /** Definite refusal, with the error code of RFC 6749. */
  | { readonly kind: 'refused'; readonly error: string }
  | { readonly kind: 'unavailable'; readonly code: string; readonly message: string };

const timeoutMs = 10_000;
const defaultLifetimeSeconds = 3_600;
const maxLifetimeSeconds = 86_400;

const responseSchema = z.object({
  access_token: text,
  refresh_token: text,
  id_token: text,
  scope: text,
  expires_in: unknownField.transform((value) =>
    Number(value) > 0 ? Math.min(Number(value), maxLifetimeSeconds) : defaultLifetimeSeconds,
  ),
  error: text,
});

/** Parses the body of a token endpoint's response. */
export function readTokenResponse(body: Record<string, unknown>): z.output<typeof responseSchema> {
  return responseSchema.parse(body);
}

/** Requests tokens (RFC 6749). Messages and codes hold no token and no text of the server. @param grant `grant_type` and what belongs to it */
export async function requestTokens(
  http: HttpClient,
  { tokenUrl, clientId, clientSecret }: TokenEndpoint,
  grant: Readonly<Record<string, string>>,
  signal?: AbortSignal,
): Promise<TokenResponse> {
  const form = new URLSearchParams({ ...grant, client_id: clientId });
  if (clientSecret) form.set('client_secret', clientSecret);
  try {
    const response = await http.request({
      ...{ method: 'POST', url: tokenUrl, data: form.toString(), timeout: timeoutMs, ...(signal ? { signal } : {}) },
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    });
    const body = readTokenResponse(toJsonObject(response));
    if (response.status === 200 && body.access_token) {
      const { access_token: accessToken, refresh_token, scope, id_token } = body;
      const lifetimeMs = body.expires_in * 1000;
      return {
        ...{ kind: 'tokens', accessToken, lifetimeMs },
        ...{ refreshToken: refresh_token ?? null, scope: scope ?? null, idToken: id_token ?? null },
      };
    }
    return toFailure(response.status, body.error);
  } catch (error) {
    const { message } = toRequestFailure(error);
    return { kind: 'unavailable', code: 'oauth_unreachable', message: `The sign-in service could not be reached: ${message}.` };
  }
}

function toFailure(status: number, error: string | undefined): TokenResponse {
  // Errors of RFC 6749 have a status of 400 or 401; all others are those of a server that is down or busy.
  const isDefinite = (status === 400 || status === 401) && error !== 'temporarily_unavailable' && error !== 'server_error';
  if (isDefinite) return { kind: 'refused', error: /^[a-z_]{1,40}$/.test(error ?? '') ? (error as string) : 'refused' };
  return { kind: 'unavailable', code: `http_${status}`, message: 'The sign-in service can’t be used at present.' };
}

/** Converts a PKCE verifier to its challenge (RFC 7636, S256). */
export function toCodeChallenge(verifier: string): string {
  return createHash('sha256').update(verifier).digest('base64url');
}
