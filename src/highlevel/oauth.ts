import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { flag, optionalId, requiredText, text, toList, toNumber, toText, unknownField } from '../core/foreign.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { type TokenOwner, toIdField } from './client.ts';
import { awaitResponse, extractMessage, type HighLevelResponse } from './response.ts';

/** The marketplace app's own keys and addresses. */
export interface AppKeys {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
}

/** Tokens that HighLevel issues for one company or one location. */
export interface TokenSet {
  readonly kind: 'company' | 'location';
  readonly companyId: string | null;
  readonly locationId: string | null;
  readonly accessToken: string;
  /** Null where the response has no refresh token. */
  readonly refreshToken: string | null;
  readonly accessExpiresAt: Date;
  readonly scopes: readonly string[];
  readonly userId: string | null;
  readonly isBulk: boolean;
  readonly includesFutureLocations: boolean;
}

/** Returns the marketplace app's id (platform.md 5.1). */
export function parseAppId({ clientId }: AppKeys): string {
  return clientId.split('-')[0] as string;
}

/** Builds the address of HighLevel's page on which a user chooses the locations to install into (platform.md 5.1). */
export function buildAuthorizeUrl(marketplaceUrl: string, app: AppKeys, state: string): string {
  const url = new URL('/v2/oauth/chooselocation', marketplaceUrl);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('redirect_uri', app.redirectUri);
  url.searchParams.set('client_id', app.clientId);
  url.searchParams.set('scope', app.scopes.join(' '));
  url.searchParams.set('state', state);
  // Only readers of forms take a plus sign for a space.
  return url.href.replaceAll('+', '%20');
}

/** Exchanges an install's code for tokens. @throws AppError `highlevel_unreachable` */
export function requestTokenByCode(
  http: HttpClient,
  app: AppKeys,
  code: string,
  kind: TokenSet['kind'] = 'location',
): Promise<HighLevelResponse> {
  return requestToken(http, app, {
    grant_type: 'authorization_code',
    code,
    // A hint only: the response says whose tokens it holds (platform.md 5.3).
    user_type: userTypes[kind],
    redirect_uri: app.redirectUri,
  });
}

/** Requests new tokens; the request spends the refresh token (platform.md 5.4). @throws AppError `highlevel_unreachable` */
export function requestTokenByRefresh(
  http: HttpClient,
  app: AppKeys,
  refreshToken: string,
  kind: TokenSet['kind'],
): Promise<HighLevelResponse> {
  return requestToken(http, app, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    user_type: userTypes[kind],
    redirect_uri: app.redirectUri,
  });
}

/**
 * Requests a new code for an installation whose tokens are lost, without its user (platform.md 5.7).
 *
 * @throws AppError `highlevel_unreachable`
 */
export function requestReconnectCode(http: HttpClient, app: AppKeys, owner: TokenOwner): Promise<HighLevelResponse> {
  const appKeys = { clientKey: app.clientId, clientSecret: app.clientSecret };
  return awaitResponse(http.post('/oauth/reconnect', { ...appKeys, ...toIdField(owner) }));
}

const userTypes = { company: 'Company', location: 'Location' } as const;

function requestToken(http: HttpClient, app: AppKeys, grant: Record<string, string>): Promise<HighLevelResponse> {
  const form = new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, ...grant });
  return awaitResponse(
    http.post('/oauth/token', form.toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    }),
  );
}

const tokenResponse = z.object({
  access_token: requiredText(20_000),
  refresh_token: text,
  expires_in: unknownField.transform(toLifetimeSeconds),
  scope: unknownField.transform((value) => toList(value).flatMap((one) => toText(one)?.split(/\s+/).filter(Boolean) ?? [])),
  userType: unknownField.transform((value) => toText(value)?.trim().toLowerCase()),
  companyId: optionalId(maxChars.highlevelId),
  locationId: optionalId(maxChars.highlevelId),
  userId: text,
  isBulkInstallation: flag,
  installToFutureLocations: flag,
});

/**
 * Processes the response to an install's code.
 *
 * @param sentAt time of the request: a slow response must not make a token look fresher than it is
 * @throws AppError `install_code_refused`, `app_not_configured`, `highlevel_unreachable`
 */
export function processCodeResponse(response: HighLevelResponse, sentAt: Date): TokenSet {
  if (isSuccess(response)) return parseTokenSet(response.body, sentAt);
  if (response.status >= 500 || response.status === 429) throw toUnreachableError(response);
  if (isClientRejected(response)) {
    throw new AppError('app_not_configured', 'The CRM does not accept the keys of this app. The operator must check them.', {
      details: [extractMessage(response)],
    });
  }
  throw new AppError(
    'install_code_refused',
    'The CRM did not accept this install: its code was used before or is too old. Please start the install again.',
    { details: [extractMessage(response)] },
  );
}

/**
 * Processes the response to a refresh. Only two responses are about the installation itself (platform.md 5.4); any other leaves its status
 * unchanged.
 *
 * @param sentAt time of the request
 * @throws AppError `location_inactive`: the refresh token is still valid; `reauth_required`: it is not; `highlevel_unreachable`: unknown;
 *   `app_not_configured`: this app's keys are wrong, which says no more about the installation
 */
export function processRefreshResponse(response: HighLevelResponse, sentAt: Date): TokenSet {
  if (isSuccess(response)) return parseTokenSet(response.body, sentAt);
  const message = extractMessage(response);
  const details = [message];
  if (/location is not active/i.test(message)) {
    throw toInactiveError(details);
  }
  if (response.status >= 500 || response.status === 429) throw toUnreachableError(response);
  if (isClientRejected(response) || !/invalid[ _]grant|refresh token/i.test(`${message} ${response.text}`)) {
    throw new AppError('app_not_configured', `The CRM refused to refresh a token: ${message}`, { details });
  }
  throw toReauthError(details);
}

/**
 * Processes the response to a reconnect. A refusal is final: only a new install by a user helps.
 *
 * @returns the code
 * @throws AppError as {@link processRefreshResponse}
 */
export function processReconnectResponse(response: HighLevelResponse): string {
  const authorizationCode = toText(response.body.authorizationCode);
  if (isSuccess(response) && authorizationCode !== undefined) return authorizationCode;
  const message = extractMessage(response);
  if (/not active/i.test(message)) throw toInactiveError([message]);
  if (isSuccess(response) || response.status >= 500 || response.status === 429) throw toUnreachableError(response);
  if (isClientRejected(response)) {
    throw new AppError('app_not_configured', 'The CRM does not accept the keys of this app. The operator must check them.', {
      details: [message],
    });
  }
  throw toReauthError([message]);
}

/**
 * Parses a token set of any endpoint.
 *
 * @param sentAt time of the request
 * @param defaults fields that the response may omit
 * @throws AppError `highlevel_unreachable`: it is not a token set
 */
export function parseTokenSet(
  body: Record<string, unknown>,
  sentAt: Date,
  defaults: { userType?: string; companyId?: string; locationId?: string } = {},
): TokenSet {
  const missing = Object.entries(defaults).filter(([name]) => toText(body[name]) === undefined);
  const result = tokenResponse.safeParse({ ...body, ...Object.fromEntries(missing) });
  const token = result.data;
  const kind = token && findKind(token);
  if (!token || !kind) {
    // The message has the fields' names, never their values: they are secrets.
    const fields = result.error?.issues.map((issue) => issue.path.join('.')).join(', ') || 'companyId or locationId';
    throw new AppError('highlevel_unreachable', `The CRM’s token response lacks ${fields}.`);
  }
  return {
    kind,
    companyId: token.companyId ?? null,
    locationId: token.locationId ?? null,
    accessToken: token.access_token,
    refreshToken: token.refresh_token ?? null,
    accessExpiresAt: new Date(sentAt.getTime() + token.expires_in * 1000),
    scopes: token.scope,
    userId: token.userId ?? null,
    isBulk: token.isBulkInstallation,
    includesFutureLocations: token.installToFutureLocations,
  };
}

/** Decides the owner's kind; where `userType` is missing, the ids decide. */
function findKind({ userType, companyId, locationId }: z.output<typeof tokenResponse>): TokenSet['kind'] | null {
  if (userType === 'company') return companyId ? 'company' : null;
  if (userType === 'location') return locationId ? 'location' : null;
  if (locationId) return 'location';
  return companyId ? 'company' : null;
}

const hourSeconds = 60 * 60;
const maxLifetimeSeconds = 365 * 24 * hourSeconds;

/** Reads the lifetime of a token. Without one the token is renewed within the hour: an expired token would be worse. */
function toLifetimeSeconds(value: unknown): number {
  const seconds = toNumber(value) ?? 0;
  return seconds > 0 ? Math.min(seconds, maxLifetimeSeconds) : hourSeconds;
}

function toInactiveError(details: string[]): AppError {
  return new AppError('location_inactive', 'This location is not active at present.', { details });
}

function toReauthError(details: string[]): AppError {
  return new AppError('reauth_required', 'The CRM no longer accepts this installation. The app must be installed again.', {
    details,
  });
}

function isSuccess(response: HighLevelResponse): boolean {
  return response.status >= 200 && response.status < 300;
}

function isClientRejected(response: HighLevelResponse): boolean {
  return /invalid.?client|client.?(id|secret)|unauthorized.?client/i.test(
    `${extractMessage(response)} ${String(response.body.error)}`,
  );
}

/** Returns HighLevel's words where a response of the token endpoint refuses the app's keys; null where it does not. */
export function findKeysRefusal(response: HighLevelResponse): string | null {
  return isClientRejected(response) ? extractMessage(response) : null;
}

function toUnreachableError(response: HighLevelResponse): AppError {
  return new AppError('highlevel_unreachable', `The CRM’s token endpoint responded with ${response.status}.`);
}
