import { createHash, createHmac } from 'node:crypto';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId, RandomSource } from '../core/ids.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { type AppKeys, buildAuthorizeUrl, processCodeResponse, requestTokenByCode, type TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { recordObservation } from './observations.ts';
import { requestPermissionProbe } from './permissions.ts';
import { updateProfile } from './reconcile-installation.ts';
import { activeFields, onActivated, type RenewDeps } from './renew-token.ts';
import { findInstallation, type Installation, keyOf, sealTokens, toInstallationKey } from './store.ts';

export interface InstallDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  random: RandomSource;
  newId: NewId;
  releaseWaiting: RenewDeps['releaseWaiting'];
  highLevelHttp: HttpClient;
  app: AppKeys;
  marketplaceUrl: string;
  highLevel: HighLevel;
  log: Log;
  /** The first signs a state, all verify. */
  sessionSecrets: readonly string[];
}

/** How long the page of a finished install may be loaded again. */
const reloadTtlMs = 60 * 60 * 1000;

/** Finds what the install with this code has connected, while it still is. @returns null for another code, or an hour later */
export async function findCompletedInstall(
  { db, clock }: Pick<InstallDeps, 'db' | 'clock'>,
  code: string,
): Promise<Installation | null> {
  return db.client.installation.findFirst({
    where: {
      installCodeHash: sha256(code),
      installedAt: { gt: new Date(clock.now() - reloadTtlMs) },
      status: { notIn: ['pending', 'uninstalled'] },
    },
  });
}

function sha256(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

const stateTtlMs = 10 * 60 * 1000;

/** Begins an install. @param browser a secret that only this browser has @returns where to send the browser */
export function startInstall(deps: InstallDeps, browser: string): string {
  const unsigned = `${deps.random(16).toString('base64url')}.${deps.clock.now()}`;
  const state = `${unsigned}.${signState(deps.sessionSecrets[0] ?? '', browser, unsigned)}`;
  return buildAuthorizeUrl(deps.marketplaceUrl, deps.app, state);
}

/**
 * Spends a `state` that came back: of two requests with the same one, one passes, in whichever processes they arrive. Until then it is
 * kept nowhere, so that beginning installs fills nothing.
 *
 * @throws AppError `install_state_invalid`: not begun in this browser, used already, or older than ten minutes
 */
export async function consumeState(deps: InstallDeps, browser: string | undefined, state: string): Promise<void> {
  const [nonce, startedAt, signature = ''] = state.split('.');
  const isOurs =
    browser !== undefined &&
    deps.sessionSecrets.some((secret) => safeEqual(signature, signState(secret, browser, `${nonce}.${startedAt}`)));
  const isFresh = deps.clock.now() - Number(startedAt) <= stateTtlMs;
  if (isOurs && isFresh && (await claimState(deps, state))) return;
  throw new AppError(
    'install_state_invalid',
    'This install was not started in this browser, was already finished, or took longer than ten minutes. Please start it again.',
  );
}

async function claimState(deps: InstallDeps, state: string): Promise<boolean> {
  const data = { id: sha256(state), usedAt: dateNow(deps.clock) };
  return (await deps.db.client.usedOauthState.createMany({ data, skipDuplicates: true })).count === 1;
}

function signState(secret: string, browser: string, unsigned: string): string {
  return createHmac('sha256', secret).update(`patchbay/install/${browser}/${unsigned}`).digest('base64url');
}

/** Forgets states that are too old to be taken anyway. */
export async function purgeSpentStates(deps: { db: Database; clock: Clock }): Promise<void> {
  const before = new Date(deps.clock.now() - 24 * 60 * 60 * 1000);
  await deps.db.client.usedOauthState.deleteMany({ where: { usedAt: { lt: before } } });
}

/**
 * Completes an install with the code that HighLevel sent. What was connected is known from the token answer alone: an install from
 * the marketplace listing has no state, and nothing in the browser's request proves anything (platform.md 5.2). An agency's locations
 * follow in the background.
 *
 * @throws AppError `install_code_refused`, `app_not_configured`, `install_unfinished`
 */
export async function completeInstall(deps: InstallDeps, code: string): Promise<Installation> {
  const sentAt = dateNow(deps.clock);
  const tokens = await redeemCode(deps, code, sentAt);
  const installed = await saveInstallation(deps, tokens, sentAt, code).catch((cause: unknown) => {
    throw isAppError(cause) ? cause : toUnfinishedError(cause);
  });
  deps.log.info({ ...keyOf(installed), companyId: tokens.companyId, isBulk: tokens.isBulk }, 'installed');
  // A name is good to have and no reason to fail an install that has happened.
  if (installed.kind === 'location') await updateProfile(deps, installed.resourceId, dateNow(deps.clock));
  return (await findInstallation(deps.db.client, installed)) as Installation;
}

/** Exchanges the code for tokens. It works once: without a response that can be read, the install must be started again. */
async function redeemCode(deps: InstallDeps, code: string, sentAt: Date): Promise<TokenSet> {
  try {
    return processCodeResponse(await requestTokenByCode(deps.highLevelHttp, deps.app, code), sentAt);
  } catch (cause) {
    throw isAppError(cause, 'highlevel_unreachable') ? toUnfinishedError(cause, [cause.message]) : cause;
  }
}

function toUnfinishedError(cause: unknown, details: string[] = []): AppError {
  return new AppError(
    'install_unfinished',
    'The CRM’s response to this install did not come, can’t be read or could not be kept, and its code works only once. Please start the install again.',
    { cause, details },
  );
}

/** Keeps what an install brought. Tokens that come again replace the old ones and make the installation active. */
async function saveInstallation(deps: InstallDeps, tokens: TokenSet, sentAt: Date, code: string): Promise<Installation> {
  const { db, box, clock } = deps;
  const key = toInstallationKey(tokens);
  const now = dateNow(clock);
  return db.transaction(async (tx) => {
    const before = await findInstallation(tx, key);
    const { companyId, userId, isBulk, includesFutureLocations } = tokens;
    const observed = await recordObservation(
      tx,
      { key, companyId, userId, isBulk, includesFutureLocations, installedSeenAt: sentAt },
      now,
    );
    // Uninstalled since the code was given: these tokens are dead.
    if (observed.status === 'uninstalled') return observed;
    const row = await tx.installation.update({
      where: { kind_resourceId: key },
      data: {
        ...sealTokens(box, key, tokens, now),
        ...activeFields,
        installCodeHash: sha256(code),
        ...(key.kind === 'company' ? { nextSyncAt: now, syncOffset: null } : {}),
        reconcileAt: now,
        updatedAt: now,
      },
    });
    await requestPermissionProbe(tx, key, now);
    if (before?.status !== 'active') {
      await onActivated(deps, tx, row, before?.status, userId ? { userId } : 'patchbay');
    } else if (key.kind === 'location') {
      // What waits for a permission finds out at once whether this install has brought it.
      await deps.releaseWaiting(tx, key.resourceId);
    }
    return row;
  });
}
