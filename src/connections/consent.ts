import { audit } from '../audit/audit-log.ts';
import type { ConsentCheck, OAuthConsent, OAuthSignIn, Pairing } from '../channels/channel.ts';
import { dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { toSingleLine } from '../core/sanitize.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import { claimOauthState } from '../database/used-states.ts';
import { type IssuedTokens, requestTokens, toCodeChallenge } from '../runtime/oauth-tokens.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { hasEnded } from './access-token.ts';
import type { Connection } from './connection.ts';
import {
  type ConsentLinkDeps,
  createConsentLink,
  createConsentState,
  createStateError,
  parseConsentState,
  readConsentTicket,
  toConsentRedirectUrl,
  verifyConsentState,
} from './consent-links.ts';
import { resumeConnection } from './hold.ts';
import { findGrant, findSignIn, storeConsentGrant } from './oauth-grants.ts';

export interface ConsentDeps extends ConsentLinkDeps {
  db: Database;
  box: SecretBox;
  newId: NewId;
  /** Guarded. */
  targetHttp: HttpClient;
  /** @throws AppError as `getConnection` */
  getConnection(id: string): Promise<Connection>;
}

/** A connection whose account's owner is asked for a consent. */
export interface ConsentRequest {
  readonly connection: Connection;
  readonly service: string;
  /** Account that has to sign in. */
  readonly account: string;
  /** The service's page. */
  readonly authorizeUrl: string;
}

/** What the service's page sends back with the browser. */
export interface ConsentResponse {
  readonly state?: string | undefined;
  readonly code?: string | undefined;
  readonly error?: string | undefined;
  readonly errorDescription?: string | undefined;
}

type ConsentSignIn = OAuthSignIn & { readonly consent: OAuthConsent };

/** Returns the consent that a connection still needs, with the address at which it starts. */
export async function getConsentPairing(
  deps: Omit<ConsentLinkDeps, 'random'> & { db: Database },
  connection: Pick<Connection, 'id' | 'channel' | 'config'>,
): Promise<Pairing> {
  const signIn = findSignIn(connection);
  if (!signIn?.consent) return { status: 'paired' };
  const grant = await findGrant(deps.db.client, connection.id, signIn);
  if (grant && !hasEnded(grant)) return { status: 'paired' };
  return { status: 'waiting', ...createConsentLink(deps, connection.id), service: signIn.service };
}

/**
 * Starts a consent: creates the address of the service's page for one browser.
 *
 * @param browserId a secret that only this browser has
 * @throws AppError `consent_state_invalid`: the ticket is forged or has expired; `not_found`
 */
export async function startConsent(deps: ConsentDeps, ticket: string, browserId: string): Promise<ConsentRequest> {
  const id = readConsentTicket(deps, ticket);
  if (id === null) throw createStateError();
  const connection = await deps.getConnection(id);
  const signIn = getConsentSignIn(connection);
  const { state, verifier } = createConsentState(deps, browserId, connection);
  const url = new URL(signIn.consent.authorizeUrl);
  const parameters = {
    ...signIn.consent.parameters,
    response_type: 'code',
    client_id: signIn.clientId,
    redirect_uri: toConsentRedirectUrl(deps),
    scope: signIn.scope ?? '',
    state,
    code_challenge: toCodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const { service, consent } = signIn;
  return { connection, service, account: consent.account, authorizeUrl: url.href.replaceAll('+', '%20') };
}

function getConsentSignIn(connection: Connection): ConsentSignIn {
  const signIn = findSignIn(connection);
  if (signIn?.consent) return { ...signIn, consent: signIn.consent };
  throw new AppError('not_found', 'This connection needs no sign-in, or the operator has not set it up.');
}

/**
 * Completes a consent with what came back: the state is used up, the code is exchanged, and the tokens are stored before the connection sends
 * with them. A failure stores no token.
 *
 * @throws AppError `consent_state_invalid`, `consent_denied`, `consent_code_refused`, `consent_unfinished`, `consent_wrong_account`,
 *   `consent_account_unknown`, `consent_scope_missing`, `consent_not_lasting`, `consent_changed`
 */
export async function completeConsent(
  deps: ConsentDeps,
  browserId: string | undefined,
  response: ConsentResponse,
): Promise<Omit<ConsentRequest, 'authorizeUrl'>> {
  const { state = '', code } = response;
  const connection = await findTarget(deps, state);
  const { verifier, updatedAt } = verifyConsentState(deps, browserId, state, connection);
  if (!(await claimOauthState(deps, state))) throw createStateError();
  const signIn = getConsentSignIn(connection);
  if (response.error !== undefined || !code) throw createDeniedError(signIn, response);
  if (connection.updatedAt.getTime() !== updatedAt.getTime()) throw createChangedError();
  const tokens = await redeemCode(deps, signIn, code, verifier);
  const account = requireAccount(signIn, tokens);
  await storeGrant(deps, { connection, signIn, account, tokens });
  await resumeConnection(deps, connection, 'patchbay');
  return { connection, service: signIn.service, account };
}

async function findTarget(deps: ConsentDeps, state: string): Promise<Connection> {
  const id = parseConsentState(state);
  if (id === null || !/^[0-9a-f-]{36}$/.test(id)) throw createStateError();
  return deps.getConnection(id).catch((error: unknown) => {
    throw isAppError(error, 'not_found') ? createStateError() : error;
  });
}

function createDeniedError({ service }: OAuthSignIn, { error = '', errorDescription = '' }: ConsentResponse): AppError {
  const details = [toSingleLine([error, errorDescription].filter(Boolean).join(': '), 300)].filter(Boolean);
  return new AppError('consent_denied', `${service} gave no permission, and no token was stored.`, { details });
}

function createChangedError(): AppError {
  return new AppError('consent_changed', 'The connection was changed during the sign-in. Start it again.');
}

async function redeemCode(deps: ConsentDeps, signIn: ConsentSignIn, code: string, verifier: string): Promise<IssuedTokens> {
  const grant = {
    ...{ grant_type: 'authorization_code', code, redirect_uri: toConsentRedirectUrl(deps), code_verifier: verifier },
  };
  const response = await requestTokens(deps.targetHttp, signIn, grant);
  if (response.kind === 'tokens') return response;
  const { service } = signIn;
  if (response.kind === 'refused') {
    const message = `${service} refused the code of this sign-in. Start it again.`;
    throw new AppError('consent_code_refused', message, { details: [response.error] });
  }
  throw new AppError('consent_unfinished', `${service} did not respond. Start the sign-in again.`, {
    details: [response.message],
  });
}

/** Checks that the grant is for the account, for what was requested, and lasting. */
function requireAccount(signIn: ConsentSignIn, { scope, idToken, refreshToken }: IssuedTokens): string {
  const { service, consent } = signIn;
  const checked: ConsentCheck = consent.check({ scope, idToken });
  switch (checked.kind) {
    case 'account_unknown':
      throw new AppError('consent_account_unknown', `${service} did not say which account signed in.`);
    case 'wrong_account':
      throw new AppError('consent_wrong_account', `Another account signed in than ${consent.account}.`, {
        details: [`${checked.account} ≠ ${consent.account}`],
      });
    case 'scope_missing':
      throw new AppError('consent_scope_missing', `${service} gave not all permissions that are needed.`, {
        details: checked.scopes,
      });
    case 'granted':
      if (refreshToken !== null) return checked.account;
      throw new AppError('consent_not_lasting', `${service} gave a permission that ends within the hour (no refresh token).`);
  }
}

/** Stores the tokens, unless the connection was changed or removed meanwhile. Its change closes the session that ran without them. */
async function storeGrant(
  { db, box, clock, newId }: ConsentDeps,
  { connection, ...grant }: { connection: Connection; signIn: ConsentSignIn; account: string; tokens: IssuedTokens },
): Promise<void> {
  const { id, locationId, providerKey, updatedAt } = connection;
  const now = dateNow(clock);
  await db.transaction(async (tx) => {
    const { count } = await tx.connection.updateMany({
      where: { id, updatedAt, disabledAt: null },
      data: { updatedAt: new Date(Math.max(now.getTime(), updatedAt.getTime() + 1)) },
    });
    if (count === 0) throw createChangedError();
    await storeConsentGrant(tx, box, { connectionId: id, ...grant }, now);
    const details = `${providerKey}: ${toSingleLine(grant.account, 200)} (${grant.signIn.service}).`;
    await audit(tx, { clock, newId }, { actor: 'patchbay', action: 'consent_given', locationId, providerKey, details });
  });
}
