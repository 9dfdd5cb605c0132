import { timingSafeEqual } from 'node:crypto';
import { type Clock, nowOf } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { RandomSource } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database } from '../database/client.ts';
import type { HighLevel } from '../highlevel/client.ts';
import { describeLocation } from '../highlevel/locations.ts';
import { type AppKeys, authorizeUrl, readCodeAnswer, requestTokenByCode } from '../highlevel/oauth.ts';
import type { Log } from '../runtime/log.ts';
import type { HttpClient } from '../runtime/outbound-http.ts';
import { findInstallation, type Installation, saveInstallation } from './store.ts';

/** An install that was begun in one browser: kept in its session, used once. */
export interface PendingInstall {
  state: string;
  /** Milliseconds. */
  begunAt: number;
}

export interface InstallDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  random: RandomSource;
  highLevelHttp: HttpClient;
  app: AppKeys;
  marketplaceUrl: string;
  highLevel: HighLevel;
  log: Log;
}

const stateLifeMs = 10 * 60 * 1000;
/** Tabs in which one browser may have begun; the oldest are forgotten. */
const pendingAtMost = 5;

/** Begins an install. @returns where to send the browser, and what its session must keep */
export function beginInstall(deps: InstallDeps, pending: readonly PendingInstall[]) {
  const state = deps.random(32).toString('base64url');
  return {
    url: authorizeUrl(deps.marketplaceUrl, deps.app, state),
    pending: [...pending, { state, begunAt: deps.clock.now() }].slice(-pendingAtMost),
  };
}

/**
 * Takes a `state` that came back out of what the session keeps.
 *
 * @returns what the session keeps from now on: without it, so that it works once
 * @throws AppError `install_state_invalid`: not begun in this browser, used already, or older than ten minutes
 */
export function redeemState(clock: Clock, pending: readonly PendingInstall[], state: string): PendingInstall[] {
  const found = pending.find((begun) => isSame(begun.state, state));
  if (!found || clock.now() - found.begunAt > stateLifeMs) {
    throw new AppError(
      'install_state_invalid',
      'This install was not started in this browser, was already finished, or took longer than ten minutes. Please start it again.',
    );
  }
  return pending.filter((begun) => begun !== found);
}

/**
 * Completes an install with the code that HighLevel sent. What was connected is known from the token answer alone: an install from
 * the marketplace listing has no state, and nothing in the browser's request proves anything (platform.md 5.2).
 *
 * @throws AppError `install_code_refused`, `app_not_configured`, `highlevel_unreachable`
 */
export async function completeInstall(deps: InstallDeps, code: string): Promise<Installation> {
  const sentAt = nowOf(deps.clock);
  const tokens = readCodeAnswer(await requestTokenByCode(deps.highLevelHttp, deps.app, code), sentAt);
  const key = await saveInstallation(deps.db, deps.box, tokens, nowOf(deps.clock));
  deps.log.info({ ...key, companyId: tokens.companyId, isBulk: tokens.isBulk }, 'installed');
  if (key.kind === 'location') await learnName(deps, key.resourceId);
  return (await findInstallation(deps.db, key)) as Installation;
}

/** A name is good to have and no reason to fail an install that has happened. */
async function learnName(deps: InstallDeps, locationId: string): Promise<void> {
  try {
    const described = await describeLocation(deps.highLevel, locationId);
    await deps.db.client.installation.update({
      where: { kind_resourceId: { kind: 'location', resourceId: locationId } },
      data: described,
    });
  } catch (error) {
    if (!isAppError(error)) throw error;
    deps.log.warn({ err: error, locationId }, 'the location could not be asked for its name');
  }
}

function isSame(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
