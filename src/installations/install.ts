import { createHash, createHmac } from 'node:crypto';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId, RandomSource } from '../core/ids.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { type AppKeys, authorizeUrl, readCodeAnswer, requestTokenByCode, type TokenSet } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { learnDescription } from './look-after.ts';
import { learn } from './news.ts';
import { probeSoon } from './permissions.ts';
import { begins, type RenewDeps, working } from './renew.ts';
import { findInstallation, type Installation, keyOf, keyOfTokens, sealedTokens } from './store.ts';

export interface InstallDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  random: RandomSource;
  newId: NewId;
  goOn: RenewDeps['goOn'];
  highLevelHttp: HttpClient;
  app: AppKeys;
  marketplaceUrl: string;
  highLevel: HighLevel;
  log: Log;
  /** The first signs a state, all verify. */
  sessionSecrets: readonly string[];
}

/** How long the page of a finished install may be loaded again. */
const reloadMs = 60 * 60 * 1000;

/** Finds what the install with this code has connected, while it still is. @returns null for another code, or an hour later */
export async function installedBefore(
  { db, clock }: Pick<InstallDeps, 'db' | 'clock'>,
  code: string,
): Promise<Installation | null> {
  return db.client.installation.findFirst({
    where: {
      installCodeHash: hashOf(code),
      installedAt: { gt: new Date(clock.now() - reloadMs) },
      status: { notIn: ['pending', 'uninstalled'] },
    },
  });
}

function hashOf(code: string): string {
  return createHash('sha256').update(code).digest('hex');
}

const stateLifeMs = 10 * 60 * 1000;

/** Begins an install. @param browser a secret that only this browser has @returns where to send the browser */
export function beginInstall(deps: InstallDeps, browser: string): string {
  const begun = `${deps.random(16).toString('base64url')}.${deps.clock.now()}`;
  const state = `${begun}.${stateProof(deps.sessionSecrets[0] ?? '', browser, begun)}`;
  return authorizeUrl(deps.marketplaceUrl, deps.app, state);
}

/**
 * Spends a `state` that came back: of two requests with the same one, one passes, in whichever processes they arrive. Until then it is
 * kept nowhere, so that beginning installs fills nothing.
 *
 * @throws AppError `install_state_invalid`: not begun in this browser, used already, or older than ten minutes
 */
export async function spendState(deps: InstallDeps, browser: string | undefined, state: string): Promise<void> {
  const [nonce, begunAt, proof = ''] = state.split('.');
  const isOurs =
    browser !== undefined &&
    deps.sessionSecrets.some((secret) => safeEqual(proof, stateProof(secret, browser, `${nonce}.${begunAt}`)));
  const isFresh = deps.clock.now() - Number(begunAt) <= stateLifeMs;
  if (isOurs && isFresh && (await isFirst(deps, state))) return;
  throw new AppError(
    'install_state_invalid',
    'This install was not started in this browser, was already finished, or took longer than ten minutes. Please start it again.',
  );
}

async function isFirst(deps: InstallDeps, state: string): Promise<boolean> {
  const data = { id: hashOf(state), spentAt: dateNow(deps.clock) };
  return (await deps.db.client.spentState.createMany({ data, skipDuplicates: true })).count === 1;
}

function stateProof(secret: string, browser: string, begun: string): string {
  return createHmac('sha256', secret).update(`patchbay/install/${browser}/${begun}`).digest('base64url');
}

/** Forgets states that are too old to be taken anyway. */
export async function forgetSpentStates(deps: { db: Database; clock: Clock }): Promise<void> {
  const before = new Date(deps.clock.now() - 24 * 60 * 60 * 1000);
  await deps.db.client.spentState.deleteMany({ where: { spentAt: { lt: before } } });
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
    throw isAppError(cause) ? cause : unfinished(cause);
  });
  deps.log.info({ ...keyOf(installed), companyId: tokens.companyId, isBulk: tokens.isBulk }, 'installed');
  // A name is good to have and no reason to fail an install that has happened.
  if (installed.kind === 'location') await learnDescription(deps, installed.resourceId, dateNow(deps.clock));
  return (await findInstallation(deps.db.client, installed)) as Installation;
}

/** Exchanges the code for tokens. It works once: without a response that can be read, the install must be started again. */
async function redeemCode(deps: InstallDeps, code: string, sentAt: Date): Promise<TokenSet> {
  try {
    return readCodeAnswer(await requestTokenByCode(deps.highLevelHttp, deps.app, code), sentAt);
  } catch (cause) {
    throw isAppError(cause, 'highlevel_unreachable') ? unfinished(cause, [cause.message]) : cause;
  }
}

function unfinished(cause: unknown, details: string[] = []): AppError {
  return new AppError(
    'install_unfinished',
    'The CRM’s response to this install did not come, can’t be read or could not be kept, and its code works only once. Please start the install again.',
    { cause, details },
  );
}

/** Keeps what an install brought. Tokens that come again replace the old ones and make the installation active. */
async function saveInstallation(deps: InstallDeps, tokens: TokenSet, sentAt: Date, code: string): Promise<Installation> {
  const { db, box, clock } = deps;
  const key = keyOfTokens(tokens);
  const now = dateNow(clock);
  return db.transaction(async (tx) => {
    const before = await findInstallation(tx, key);
    const { companyId, userId, isBulk, toFutureLocations } = tokens;
    const learnt = await learn(tx, { key, companyId, userId, isBulk, toFutureLocations, presentAt: sentAt }, now);
    // Uninstalled since the code was given: these tokens are dead.
    if (learnt.status === 'uninstalled') return learnt;
    const row = await tx.installation.update({
      where: { kind_resourceId: key },
      data: {
        ...sealedTokens(box, key, tokens, now),
        ...working,
        installCodeHash: hashOf(code),
        ...(key.kind === 'company' ? { nextSyncAt: now, syncSkip: null } : {}),
        dueAt: now,
        updatedAt: now,
      },
    });
    await probeSoon(tx, key, now);
    if (before?.status !== 'active') {
      await begins(deps, tx, row, before?.status, userId ? { userId } : 'patchbay');
    } else if (key.kind === 'location') {
      // What waits for a permission finds out at once whether this install has brought it.
      await deps.goOn(tx, key.resourceId);
    }
    return row;
  });
}
