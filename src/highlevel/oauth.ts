import * as z from 'zod';
import { maxChars } from '../core/bounds.ts';
import { AppError } from '../core/errors.ts';
import { flag, optionalId, requiredText, text, toList, toNumber, toText, unknownField } from '../core/foreign.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { answerOf, type HighLevelAnswer, messageIn } from './answer.ts';
import { idField, type TokenOwner } from './client.ts';

/** The marketplace app's own keys and addresses. */
export interface AppKeys {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
}

/** What HighLevel hands out for one company or one location. */
export interface TokenSet {
  readonly kind: 'company' | 'location';
  readonly companyId: string | null;
  readonly locationId: string | null;
  readonly accessToken: string;
  /** Null where none came with it. */
  readonly refreshToken: string | null;
  readonly accessExpiresAt: Date;
  readonly scopes: readonly string[];
  readonly userId: string | null;
  readonly isBulk: boolean;
  readonly toFutureLocations: boolean;
}

/** The marketplace app's id (platform.md 5.1). */
export function appIdOf({ clientId }: AppKeys): string {
  return clientId.split('-')[0] as string;
}

/** HighLevel's page where somebody chooses what to install into (platform.md 5.1). */
export function authorizeUrl(marketplaceUrl: string, app: AppKeys, state: string): string {
  const url = new URL('/v2/oauth/chooselocation', marketplaceUrl);
  url.searchParams.set('response_type', 'code');
  url.searchParams.set('redirect_uri', app.redirectUri);
  url.searchParams.set('client_id', app.clientId);
  url.searchParams.set('scope', app.scopes.join(' '));
  url.searchParams.set('state', state);
  // A plus sign is a space only to readers of forms.
  return url.href.replaceAll('+', '%20');
}

/** Asks for the tokens behind an install's code. @throws AppError `highlevel_unreachable` */
export function requestTokenByCode(
  http: HttpClient,
  app: AppKeys,
  code: string,
  kind: TokenSet['kind'] = 'location',
): Promise<HighLevelAnswer> {
  return requestToken(http, app, {
    grant_type: 'authorization_code',
    code,
    // Only advice: the answer says what it is of (platform.md 5.3).
    user_type: userType[kind],
    redirect_uri: app.redirectUri,
  });
}

/** Asks for new tokens; the refresh token is spent by it (platform.md 5.4). @throws AppError `highlevel_unreachable` */
export function requestTokenByRefresh(
  http: HttpClient,
  app: AppKeys,
  refreshToken: string,
  kind: TokenSet['kind'],
): Promise<HighLevelAnswer> {
  return requestToken(http, app, {
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    user_type: userType[kind],
    redirect_uri: app.redirectUri,
  });
}

/**
 * Asks for a new code for an installation whose tokens are lost, without its user (platform.md 5.7).
 *
 * @throws AppError `highlevel_unreachable`
 */
export function requestReconnectCode(http: HttpClient, app: AppKeys, owner: TokenOwner): Promise<HighLevelAnswer> {
  const pair = { clientKey: app.clientId, clientSecret: app.clientSecret };
  return answerOf(http.post('/oauth/reconnect', { ...pair, ...idField(owner) }));
}

const userType = { company: 'Company', location: 'Location' } as const;

function requestToken(http: HttpClient, app: AppKeys, grant: Record<string, string>): Promise<HighLevelAnswer> {
  const form = new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, ...grant });
  return answerOf(
    http.post('/oauth/token', form.toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    }),
  );
}

const tokenAnswer = z.object({
  access_token: requiredText(20_000),
  refresh_token: text,
  expires_in: unknownField.transform(lifetimeIn),
  scope: unknownField.transform((value) => toList(value).flatMap((one) => toText(one)?.split(/\s+/).filter(Boolean) ?? [])),
  userType: unknownField.transform((value) => toText(value)?.trim().toLowerCase()),
  companyId: optionalId(maxChars.highlevelId),
  locationId: optionalId(maxChars.highlevelId),
  userId: text,
  isBulkInstallation: flag,
  installToFutureLocations: flag,
});

/**
 * Reads the answer to an install's code.
 *
 * @param sentAt when the request left: a slow answer must not make a token look fresher than it is
 * @throws AppError `install_code_refused`, `app_not_configured`, `highlevel_unreachable`
 */
export function readCodeAnswer(answer: HighLevelAnswer, sentAt: Date): TokenSet {
  if (isSuccess(answer)) return readTokenSet(answer.body, sentAt);
  if (answer.status >= 500 || answer.status === 429) throw unreachable(answer);
  if (isWrongClient(answer)) {
    throw new AppError('app_not_configured', 'The CRM does not accept the keys of this app. The operator must check them.', {
      details: [messageIn(answer)],
    });
  }
  throw new AppError(
    'install_code_refused',
    'The CRM did not accept this install: its code was used before or is too old. Please start the install again.',
    { details: [messageIn(answer)] },
  );
}

/**
 * Reads the answer to a refresh. Only two answers say something of the installation itself (platform.md 5.4); everything else leaves
 * it as it is.
 *
 * @param sentAt when the request left
 * @throws AppError `location_inactive`: the refresh token is still good; `reauth_required`: it is gone; `highlevel_unreachable`:
 *   nothing is known; `app_not_configured`: this app's keys are wrong, which says nothing of the installation
 */
export function readRefreshAnswer(answer: HighLevelAnswer, sentAt: Date): TokenSet {
  if (isSuccess(answer)) return readTokenSet(answer.body, sentAt);
  const said = messageIn(answer);
  const details = [said];
  if (/location is not active/i.test(said)) {
    throw inactive(details);
  }
  if (answer.status >= 500 || answer.status === 429) throw unreachable(answer);
  if (isWrongClient(answer) || !/invalid[ _]grant|refresh token/i.test(`${said} ${answer.text}`)) {
    throw new AppError('app_not_configured', `The CRM refused to refresh a token: ${said}`, { details });
  }
  throw gone(details);
}

/**
 * Reads the answer to a reconnect. What it refuses is refused for good; only somebody who installs again can mend it.
 *
 * @returns the code
 * @throws AppError as {@link readRefreshAnswer}
 */
export function readReconnectAnswer(answer: HighLevelAnswer): string {
  const authorizationCode = toText(answer.body.authorizationCode);
  if (isSuccess(answer) && authorizationCode !== undefined) return authorizationCode;
  const said = messageIn(answer);
  if (/not active/i.test(said)) throw inactive([said]);
  if (isSuccess(answer) || answer.status >= 500 || answer.status === 429) throw unreachable(answer);
  if (isWrongClient(answer)) {
    throw new AppError('app_not_configured', 'The CRM does not accept the keys of this app. The operator must check them.', {
      details: [said],
    });
  }
  throw gone([said]);
}

/**
 * Reads a token set wherever it comes from.
 *
 * @param sentAt when the request left
 * @param known what the response need not say
 * @throws AppError `highlevel_unreachable`: it is not one
 */
export function readTokenSet(
  body: Record<string, unknown>,
  sentAt: Date,
  known: { userType?: string; companyId?: string; locationId?: string } = {},
): TokenSet {
  const assumed = Object.entries(known).filter(([name]) => toText(body[name]) === undefined);
  const result = tokenAnswer.safeParse({ ...body, ...Object.fromEntries(assumed) });
  const token = result.data;
  const kind = token && kindOf(token);
  if (!token || !kind) {
    // The fields' names are told, never their values: they are secrets.
    const fields = result.error?.issues.map((issue) => issue.path.join('.')).join(', ') || 'companyId or locationId';
    throw new AppError('highlevel_unreachable', `The CRM’s token answer lacks ${fields}.`);
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
    toFutureLocations: token.installToFutureLocations,
  };
}

/** Returns whose tokens they are; where `userType` does not say it, the ids do. */
function kindOf({ userType, companyId, locationId }: z.output<typeof tokenAnswer>): TokenSet['kind'] | null {
  if (userType === 'company') return companyId ? 'company' : null;
  if (userType === 'location') return locationId ? 'location' : null;
  if (locationId) return 'location';
  return companyId ? 'company' : null;
}

const hourSeconds = 60 * 60;
const maxLifetimeSeconds = 365 * 24 * hourSeconds;

/** Reads how long a token lives. One that does not say it is renewed within the hour: losing it would be worse. */
function lifetimeIn(value: unknown): number {
  const said = toNumber(value) ?? 0;
  return said > 0 ? Math.min(said, maxLifetimeSeconds) : hourSeconds;
}

function inactive(details: string[]): AppError {
  return new AppError('location_inactive', 'This location is not active at present.', { details });
}

function gone(details: string[]): AppError {
  return new AppError('reauth_required', 'The CRM no longer accepts this installation. The app must be installed again.', {
    details,
  });
}

function isSuccess(answer: HighLevelAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function isWrongClient(answer: HighLevelAnswer): boolean {
  return /invalid.?client|client.?(id|secret)|unauthorized.?client/i.test(`${messageIn(answer)} ${String(answer.body.error)}`);
}

function unreachable(answer: HighLevelAnswer): AppError {
  return new AppError('highlevel_unreachable', `The CRM’s token endpoint answered ${answer.status}.`);
}
