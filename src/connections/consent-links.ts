import { createHmac } from 'node:crypto';
import type { Clock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { RandomSource } from '../core/ids.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { Connection } from './connection.ts';

export interface ConsentLinkDeps {
  clock: Clock;
  random: RandomSource;
  /** The first signs, all verify. */
  sessionSecrets: readonly string[];
  /** Our public address, without a slash at its end. */
  appUrl: string;
}

/** Path of the pages of a consent. Services know the callback by it, so it never changes. */
export const consentPath = '/oauth/mail';

const stepMs = 10 * 60 * 1000;
const stateTtlMs = 10 * 60 * 1000;

function sign(secret: string, purpose: 'link' | 'state' | 'verifier', parts: readonly string[]): string {
  return createHmac('sha256', secret)
    .update(JSON.stringify([`patchbay/consent/${purpose}`, ...parts]))
    .digest('base64url');
}

/** Returns the address to which services lead a browser back. */
export function toConsentRedirectUrl({ appUrl }: Pick<ConsentLinkDeps, 'appUrl'>): string {
  return `${appUrl}${consentPath}/callback`;
}

/**
 * Creates the address of the page on which an account's owner starts a consent. It needs no session: a page in a frame has none, and the owner
 * may be another person. It is the same for ten minutes, so that a page which shows it stays the same, and is valid for ten to twenty.
 */
export function createConsentLink(
  { clock, sessionSecrets, appUrl }: Omit<ConsentLinkDeps, 'random'>,
  connectionId: string,
): { url: string; expiresAt: Date } {
  const expiresAt = (Math.floor(clock.now() / stepMs) + 2) * stepMs;
  const signature = sign(sessionSecrets[0] ?? '', 'link', [connectionId, String(expiresAt)]);
  return { url: `${appUrl}${consentPath}/start/${connectionId}.${expiresAt}.${signature}`, expiresAt: new Date(expiresAt) };
}

/** Reads the end of such an address. @returns the connection's id; null for a forged or expired one */
export function readConsentTicket({ clock, sessionSecrets }: Omit<ConsentLinkDeps, 'random'>, ticket: string): string | null {
  const [connectionId = '', expiresAt = '', signature = ''] = ticket.split('.');
  const isOurs = sessionSecrets.some((secret) => safeEqual(signature, sign(secret, 'link', [connectionId, expiresAt])));
  return isOurs && Number(expiresAt) > clock.now() ? connectionId : null;
}

/** Parts that a state's signature covers: another browser, connection, tenant or config has other ones. */
type StateTarget = Pick<Connection, 'id' | 'locationId' | 'providerKey' | 'updatedAt'>;

function toSignedParts(browserId: string, { id, locationId, providerKey }: Omit<StateTarget, 'updatedAt'>): string[] {
  return [browserId, id, locationId, providerKey];
}

/** Derives the PKCE verifier of a state, so that none is stored. */
function toVerifier(secret: string, browserId: string, state: string): string {
  return sign(secret, 'verifier', [browserId, state]);
}

/** Creates the state of an authorization, and its PKCE verifier. @param browserId a secret that only this browser has */
export function createConsentState(
  { clock, random, sessionSecrets }: ConsentLinkDeps,
  browserId: string,
  target: StateTarget,
): { state: string; verifier: string } {
  const [secret = ''] = sessionSecrets;
  const unsigned = [random(16).toString('base64url'), clock.now(), target.id, target.updatedAt.getTime()].join('.');
  const state = `${unsigned}.${sign(secret, 'state', [unsigned, ...toSignedParts(browserId, target)])}`;
  return { state, verifier: toVerifier(secret, browserId, state) };
}

/** Reads the connection's id from a state, which is not verified yet. */
export function parseConsentState(state: string): string | null {
  return state.split('.')[2] ?? null;
}

/**
 * Verifies a state that came back.
 *
 * @returns its PKCE verifier, and the time at which the connection had been changed last when it was created
 * @throws AppError `consent_state_invalid`: of another browser or connection, or older than ten minutes
 */
export function verifyConsentState(
  { clock, sessionSecrets }: Omit<ConsentLinkDeps, 'random'>,
  browserId: string | undefined,
  state: string,
  target: Omit<StateTarget, 'updatedAt'>,
): { verifier: string; updatedAt: Date } {
  const [nonce, startedAt, id, updatedAt, signature = ''] = state.split('.');
  const unsigned = [nonce, startedAt, id, updatedAt].join('.');
  const secret =
    browserId === undefined
      ? undefined
      : sessionSecrets.find((one) => safeEqual(signature, sign(one, 'state', [unsigned, ...toSignedParts(browserId, target)])));
  const age = clock.now() - Number(startedAt);
  if (browserId === undefined || secret === undefined || !(age <= stateTtlMs)) throw createStateError();
  return { verifier: toVerifier(secret, browserId, state), updatedAt: new Date(Number(updatedAt)) };
}

/** Creates the error for a state that is not, or no longer, valid here. */
export function createStateError(): AppError {
  return new AppError(
    'consent_state_invalid',
    'This sign-in was not started in this browser, was already finished, or took longer than ten minutes. Start it again.',
  );
}
