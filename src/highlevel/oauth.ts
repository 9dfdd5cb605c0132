import * as z from 'zod';
import { AppError } from '../core/errors.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { answerOf, type HighLevelAnswer, messageIn } from './answer.ts';

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
  readonly refreshToken: string;
  readonly accessExpiresAt: Date;
  readonly scopes: readonly string[];
  readonly userId: string | null;
  readonly isBulk: boolean;
  readonly toFutureLocations: boolean;
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
export function requestTokenByCode(http: HttpClient, app: AppKeys, code: string): Promise<HighLevelAnswer> {
  return requestToken(http, app, {
    grant_type: 'authorization_code',
    code,
    user_type: 'Location',
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
    user_type: kind === 'company' ? 'Company' : 'Location',
    redirect_uri: app.redirectUri,
  });
}

function requestToken(http: HttpClient, app: AppKeys, grant: Record<string, string>): Promise<HighLevelAnswer> {
  const form = new URLSearchParams({ client_id: app.clientId, client_secret: app.clientSecret, ...grant });
  return answerOf(
    http.post('/oauth/token', form.toString(), {
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    }),
  );
}

const tokenAnswer = z.object({
  access_token: z.string().min(1),
  refresh_token: z.string().min(1),
  expires_in: z.coerce.number().positive(),
  scope: z.string().catch(''),
  userType: z.enum(['Company', 'Location']),
  companyId: z.string().min(1).optional(),
  locationId: z.string().min(1).optional(),
  userId: z.string().optional().catch(undefined),
  isBulkInstallation: z.boolean().catch(false),
  installToFutureLocations: z.boolean().catch(false),
});

/**
 * Reads the answer to an install's code.
 *
 * @param sentAt when the request left: a slow answer must not make a token look fresher than it is
 * @throws AppError `install_code_refused`, `app_not_configured`, `highlevel_unreachable`
 */
export function readCodeAnswer(answer: HighLevelAnswer, sentAt: Date): TokenSet {
  if (isSuccess(answer)) return tokenSetOf(answer, sentAt);
  if (answer.status >= 500 || answer.status === 429) throw unreachable(answer);
  if (isWrongClient(answer)) {
    throw new AppError('app_not_configured', 'HighLevel does not accept the keys of this app. The operator must check them.', {
      details: [messageIn(answer)],
    });
  }
  throw new AppError(
    'install_code_refused',
    'HighLevel did not accept this install: its code was used before or is too old. Please start the install again.',
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
  if (isSuccess(answer)) return tokenSetOf(answer, sentAt);
  const said = messageIn(answer);
  const details = [said];
  if (/location is not active/i.test(said)) {
    throw new AppError('location_inactive', 'HighLevel says that this location is not active.', { details });
  }
  if (answer.status >= 500 || answer.status === 429) throw unreachable(answer);
  if (isWrongClient(answer) || !/invalid[ _]grant|refresh token/i.test(`${said} ${answer.text}`)) {
    throw new AppError('app_not_configured', `HighLevel refused to refresh a token: ${said}`, { details });
  }
  throw new AppError('reauth_required', 'HighLevel no longer accepts this installation. The app must be connected again.', {
    details,
  });
}

function tokenSetOf(answer: HighLevelAnswer, sentAt: Date): TokenSet {
  const result = tokenAnswer.safeParse(answer.body);
  const token = result.data;
  const kind = token?.userType === 'Company' ? 'company' : 'location';
  if (!token || (kind === 'company' ? !token.companyId : !token.locationId)) {
    // The fields' names are told, never their values: they are secrets.
    const fields = result.error?.issues.map((issue) => issue.path.join('.')).join(', ') || 'companyId or locationId';
    throw new AppError('highlevel_unreachable', `HighLevel's token answer lacks ${fields}.`);
  }
  return {
    kind,
    companyId: token.companyId ?? null,
    locationId: token.locationId ?? null,
    accessToken: token.access_token,
    refreshToken: token.refresh_token,
    accessExpiresAt: new Date(sentAt.getTime() + token.expires_in * 1000),
    scopes: token.scope.split(' ').filter(Boolean),
    userId: token.userId ?? null,
    isBulk: token.isBulkInstallation,
    toFutureLocations: token.installToFutureLocations,
  };
}

function isSuccess(answer: HighLevelAnswer): boolean {
  return answer.status >= 200 && answer.status < 300;
}

function isWrongClient(answer: HighLevelAnswer): boolean {
  return /invalid.?client|client.?(id|secret)|unauthorized.?client/i.test(`${messageIn(answer)} ${String(answer.body.error)}`);
}

function unreachable(answer: HighLevelAnswer): AppError {
  return new AppError('highlevel_unreachable', `HighLevel's token endpoint answered ${answer.status}.`);
}
