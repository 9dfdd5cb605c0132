import { createHash, createHmac } from 'node:crypto';
import type { Actor } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { RandomSource } from '../core/ids.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor } from '../database/client.ts';
import { claimOauthState } from '../database/used-states.ts';
import { type AppKeys, buildAuthorizeUrl, processCodeResponse, requestTokenByCode, type TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { activeFields } from './activate.ts';
import { recordObservation } from './observations.ts';
import { requestPermissionProbe } from './permissions.ts';
import { findInstallation, type Installation, type InstallationStatus, keyOf, sealTokens, toInstallationKey } from './store.ts';

export interface InstallDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  random: RandomSource;
  highLevelHttp: HttpClient;
  app: AppKeys;
  marketplaceUrl: string;
  log: Log;
  /** Releases the messages of a location that wait for its installation. */
  releaseWaiting(tx: Executor, locationId: string): Promise<void>;
  onActivated(
    tx: Executor,
    row: Installation,
    previousStatus: InstallationStatus | undefined,
    actor: Actor | undefined,
  ): Promise<void>;
  updateProfile(locationId: string): Promise<unknown>;
  /** The first signs a state; all verify. */
  sessionSecrets: readonly string[];
}

/** Time in which the page of a finished install may be reloaded. */
const reloadTtlMs = 60 * 60 * 1000;

/** Finds the installation that this code has completed. @returns null for another code, or an hour later */
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

/** Starts an install. @param browser a secret that only this browser has @returns the URL to redirect the browser to */
export function startInstall(deps: InstallDeps, browser: string): string {
  const unsigned = `${deps.random(16).toString('base64url')}.${deps.clock.now()}`;
  const state = `${unsigned}.${signState(deps.sessionSecrets[0] ?? '', browser, unsigned)}`;
  return buildAuthorizeUrl(deps.marketplaceUrl, deps.app, state);
}

/**
 * Consumes a `state` that came back: of two requests with the same one, in any processes, one succeeds. A state is signed and not stored
 * before, so that starting installs fills no table.
 *
 * @throws AppError `install_state_invalid`: not started in this browser, used already, or older than ten minutes
 */
export async function consumeState(deps: InstallDeps, browser: string | undefined, state: string): Promise<void> {
  const [nonce, startedAt, signature = ''] = state.split('.');
  const isOurs =
    browser !== undefined &&
    deps.sessionSecrets.some((secret) => safeEqual(signature, signState(secret, browser, `${nonce}.${startedAt}`)));
  const isFresh = deps.clock.now() - Number(startedAt) <= stateTtlMs;
  if (isOurs && isFresh && (await claimOauthState(deps, state))) return;
  throw new AppError(
    'install_state_invalid',
    'This install was not started in this browser, was already finished, or took longer than ten minutes. Please start it again.',
  );
}

function signState(secret: string, browser: string, unsigned: string): string {
  return createHmac('sha256', secret).update(`patchbay/install/${browser}/${unsigned}`).digest('base64url');
}

/**
 * Completes an install with the code that HighLevel sent. The token response alone says which company or location it is: an install
 * from the marketplace listing has no state, and the browser's request proves neither (platform.md 5.2). The reconciler adds an agency's
 * locations.
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
  // A missing name does not fail an install that has succeeded.
  if (installed.kind === 'location') await deps.updateProfile(installed.resourceId);
  return (await findInstallation(deps.db.client, installed)) as Installation;
}

/** Exchanges the code for tokens. A code works once: without a readable response, the user must start the install again. */
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
    'The CRM’s response to this install was lost, unreadable or could not be stored, and its code works only once. Please start the install again.',
    { cause, details },
  );
}

/** Stores the tokens of an install. New tokens replace the old ones and make the installation active. */
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
    // The app was uninstalled after HighLevel issued the code: these tokens are invalid.
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
      await deps.onActivated(tx, row, before?.status, userId ? { userId } : undefined);
    } else if (key.kind === 'location') {
      // Messages that wait for a permission retry now, as this install may have granted it.
      await deps.releaseWaiting(tx, key.resourceId);
    }
    return row;
  });
}
