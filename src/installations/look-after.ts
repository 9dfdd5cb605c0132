import { dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { company, location } from '../highlevel/client.ts';
import { listInstalledLocations } from '../highlevel/companies.ts';
import { describeLocation } from '../highlevel/locations.ts';
import { appIdOf } from '../highlevel/oauth.ts';
import { highLevelLimit } from '../highlevel/rate-limit.ts';
import { rateLimitKey, reserveSlot, resumeScheduledPauses, tryAcquire } from '../queue/rate-limits.ts';
import type { AccessTokens } from './access-token.ts';
import { describeEveryMs, dueAfter, dueAfterOutage, isIdleRefreshDue } from './due.ts';
import { learn } from './news.ts';
import { findInstallation, type Installation, keyOf } from './store.ts';
import { isSyncDue, isUnseen, syncPage } from './sync.ts';
import { cleanUp, type UninstallDeps } from './uninstall.ts';

/** When a company's calls leave no room for a question. */
const askAgainMs = 5_000;

export interface LookAfterDeps extends UninstallDeps {
  tokens: AccessTokens;
}

/**
 * Brings one installation a step nearer to what is known of it, whatever brought the news and in whatever order: looks for tokens,
 * refreshes them, lists a company's locations, or cleans up.
 *
 * @returns when to look again, null for not until there is news; and whether it is as it should be
 */
export async function lookAfter(deps: LookAfterDeps, row: Installation): Promise<{ dueAt: Date | null; isWell: boolean }> {
  try {
    return { dueAt: await step(deps, row), isWell: row.status === 'active' };
  } catch (error) {
    return { dueAt: await afterFailure(deps, row, error), isWell: false };
  }
}

async function step(deps: LookAfterDeps, row: Installation): Promise<Date | null> {
  if (row.status === 'uninstalled') return cleanUp(deps, row);
  return row.kind === 'company' ? lookAfterCompany(deps, row) : lookAfterLocation(deps, row);
}

async function lookAfterCompany(deps: LookAfterDeps, row: Installation): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (row.status !== 'active') {
    if (!isTooYoung(row, now)) await deps.tokens.renewed(row);
    return again(deps, row);
  }
  if (isSyncDue(row, now)) {
    const turn = await reserveSlot(deps, rateLimitKey.highLevel(keyOf(row)), highLevelLimit, row.slotAt);
    if (turn) return keepTurn(deps, row, turn);
    try {
      return (await syncPage(deps, row)) ? now : again(deps, row);
    } catch (error) {
      // A listing that is refused must not let the token run out.
      if (isAppError(error, 'highlevel_forbidden') && isIdleRefreshDue(row, now)) await deps.tokens.renewed(row);
      throw error;
    }
  }
  if (isIdleRefreshDue(row, now)) await deps.tokens.renewed(row);
  return again(deps, row);
}

async function lookAfterLocation(deps: LookAfterDeps, row: Installation): Promise<Date | null> {
  const now = dateNow(deps.clock);
  const agency = row.companyId ? await findInstallation(deps.db.client, company(row.companyId)) : null;
  if (agency?.goneAt && row.presentAt && agency.goneAt >= row.presentAt) {
    // It was learnt of after its company's uninstall, which is its own too.
    const { goneAt } = agency;
    await deps.db.transaction((tx) => learn(tx, { key: keyOf(row), goneAt }, now));
    return now;
  }
  if (row.status === 'pending' && !agency?.accessToken) {
    const found = row.companyId ? null : await findCompany(deps, row);
    if (found) return found;
    if (isTooYoung(row, now)) return again(deps, row);
  }
  if (isUnseen(row, agency)) return lookForUnseen(deps, row);
  if (row.status !== 'active' || isIdleRefreshDue(row, now)) await deps.tokens.renewed(row);
  await describe(deps, row, now);
  return again(deps, row);
}

/** The install's own callback may still be on its way; until then nobody has tokens to give. */
function isTooYoung(row: Installation, now: Date): boolean {
  return row.status === 'pending' && now.getTime() - row.updatedAt.getTime() < 10_000;
}

/** An INSTALL of a future location may come without its company (platform.md 5.6): the companies that we know are asked. */
async function findCompany(deps: LookAfterDeps, row: Installation): Promise<Date | null> {
  const companies = await deps.db.client.installation.findMany({
    where: { kind: 'company', status: 'active' },
    orderBy: [{ toFutureLocations: 'desc' }, { resourceId: 'asc' }],
  });
  for (const agency of companies) {
    const isFree = await tryAcquire(deps, rateLimitKey.highLevel(keyOf(agency)), highLevelLimit);
    if (!isFree) return new Date(deps.clock.now() + askAgainMs);
    const askedAt = dateNow(deps.clock);
    const of = { companyId: agency.resourceId, appId: appIdOf(deps.app) };
    const { installed } = await listInstalledLocations(deps.highLevel, of, { locationId: row.resourceId });
    const [found] = installed;
    if (!found) continue;
    const news = { key: keyOf(row), companyId: of.companyId, name: found.name, presentAt: askedAt };
    await deps.db.transaction((tx) => learn(tx, news, askedAt));
    return askedAt;
  }
  return null;
}

/** Its company's listing left it out. Its own tokens are the better witness: while they work, it is installed. */
async function lookForUnseen(deps: LookAfterDeps, row: Installation): Promise<Date | null> {
  const askedAt = dateNow(deps.clock);
  let isThere = true;
  try {
    await deps.tokens.renewed(row);
  } catch (error) {
    if (!isAppError(error, 'reauth_required', 'installation_missing')) throw error;
    isThere = false;
  }
  const news = isThere ? { presentAt: askedAt } : { goneAt: askedAt };
  await deps.db.transaction((tx) => learn(tx, { key: keyOf(row), ...news }, dateNow(deps.clock)));
  return isThere ? again(deps, row) : askedAt;
}

/** Keeps name and time zone fresh. They are good to have and no reason to fail. */
async function describe(deps: LookAfterDeps, row: Installation, now: Date): Promise<void> {
  if (row.describedAt && now.getTime() - row.describedAt.getTime() < describeEveryMs) return;
  if (!(await tryAcquire(deps, rateLimitKey.highLevel(keyOf(row)), highLevelLimit))) return;
  if (await learnDescription(deps, row.resourceId, now)) return;
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { describedAt: now } });
}

/** Asks for a location's name and time zone and keeps them. @returns whether HighLevel told them */
export async function learnDescription(
  deps: Pick<LookAfterDeps, 'db' | 'highLevel' | 'log'>,
  locationId: string,
  now: Date,
): Promise<boolean> {
  try {
    const { name, timezone, country } = await describeLocation(deps.highLevel, locationId);
    const { client } = deps.db;
    if (timezone) {
      const isOther = { OR: [{ timezone: null }, { timezone: { not: timezone } }] };
      const { count } = await client.installation.updateMany({
        where: { ...location(locationId), ...isOther },
        data: { timezone },
      });
      // Their rests were reckoned in another time zone.
      if (count > 0) await resumeScheduledPauses(deps, locationId);
    }
    await client.installation.updateMany({
      where: location(locationId),
      data: { ...(name ? { name } : {}), ...(country ? { country } : {}), describedAt: now },
    });
    return true;
  } catch (error) {
    if (!isAppError(error)) throw error;
    deps.log.warn({ err: error, locationId }, 'the location could not be asked for its name');
    return false;
  }
}

async function keepTurn(deps: LookAfterDeps, row: Installation, turn: Date): Promise<Date> {
  await deps.db.client.installation.updateMany({ where: keyOf(row), data: { slotAt: turn } });
  return turn;
}

/** The next look by the row as it is now. */
async function again(deps: LookAfterDeps, { kind, resourceId }: Installation): Promise<Date | null> {
  const row = await findInstallation(deps.db.client, { kind, resourceId });
  return row && dueAfter(row, dateNow(deps.clock), deps.jitter());
}

async function afterFailure(deps: LookAfterDeps, row: Installation, error: unknown): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (isAppError(error, 'highlevel_limit', 'highlevel_forbidden'))
    return new Date(now.getTime() + (error.retryAfterMs ?? 10_000));
  const isExpected = isAppError(error, 'installation_missing', 'location_inactive', 'reauth_required', 'uninstalled');
  const log = isAppError(error) ? (isExpected ? 'debug' : 'warn') : 'error';
  deps.log[log]({ err: error, ...keyOf(row) }, 'an installation could not be looked after');
  if (isAppError(error, 'installation_missing')) {
    await deps.db.client.installation.updateMany({
      where: { ...keyOf(row), status: 'pending' },
      data: { statusReason: error.message },
    });
  }
  return isExpected ? again(deps, row) : dueAfterOutage(row, now, deps.jitter());
}
