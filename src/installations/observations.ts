import type { Executor } from '../database/client.ts';
import { clearedTokens, type Installation, type InstallationKey, keyOf } from './store.ts';

/**
 * Something that somebody said of an installation: a token answer, an app event, a row of a listing, a visit. What has no value says
 * nothing.
 */
export interface Observation {
  readonly key: InstallationKey;
  readonly companyId?: string | null | undefined;
  /** It was installed at this moment. */
  readonly installedSeenAt?: Date | undefined;
  /** It was not installed any more at this moment. */
  readonly uninstalledSeenAt?: Date | undefined;
  readonly name?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly isBulk?: boolean | undefined;
  readonly includesFutureLocations?: boolean | null | undefined;
  readonly whiteLabelDomain?: string | null | undefined;
  /** Worth another look even though nothing changes: something suggests that trouble is over. */
  readonly isHint?: boolean | undefined;
}

/** Whether it is installed, as far as is known: the newest word counts, however late it comes. Of two at once, the cautious one does. */
export function isInstalled({
  installedSeenAt,
  uninstalledSeenAt,
}: Pick<Installation, 'installedSeenAt' | 'uninstalledSeenAt'>): boolean {
  return installedSeenAt !== null && (uninstalledSeenAt === null || installedSeenAt > uninstalledSeenAt);
}

/**
 * What an installation becomes by news. Only newest moments are kept and compared, so news may come in any order, twice, or late, and
 * all orders end the same.
 */
export function applyObservation(row: Installation, observation: Observation, now: Date) {
  const moments = {
    installedSeenAt: latest(row.installedSeenAt, observation.installedSeenAt),
    uninstalledSeenAt: latest(row.uninstalledSeenAt, observation.uninstalledSeenAt),
  };
  const isBack = isInstalled(moments) && (row.status === 'uninstalled' || row.installedSeenAt === null);
  const isGone = moments.uninstalledSeenAt !== null && !isInstalled(moments) && row.status !== 'uninstalled';
  const companyId = observation.companyId ?? row.companyId;
  const isChange = isBack || isGone || companyId !== row.companyId;
  const isTrouble = row.status !== 'active' && row.status !== 'uninstalled';
  return {
    ...moments,
    ...(isBack && row.status === 'uninstalled' ? { ...clearedTokens, uninstallReason: null } : {}),
    ...(isBack ? { status: 'pending' as const, installedAt: moments.installedSeenAt } : {}),
    ...(isGone ? { status: 'uninstalled' as const } : {}),
    ...(isBack || isGone ? { statusReason: null } : {}),
    companyId,
    name: observation.name ?? row.name,
    userId: observation.userId ?? row.userId,
    isBulk: observation.isBulk ?? row.isBulk,
    includesFutureLocations: observation.includesFutureLocations ?? row.includesFutureLocations,
    whiteLabelDomains: addDomain(row.whiteLabelDomains, observation.whiteLabelDomain),
    reconcileAttempts: isChange ? 0 : row.reconcileAttempts,
    reconcileAt: isChange || observation.isHint || (isTrouble && observation.installedSeenAt) ? now : row.reconcileAt,
  };
}

/** Keeps news, in the caller's transaction. @returns the installation as it is now */
export async function recordObservation(tx: Executor, observation: Observation, now: Date): Promise<Installation> {
  const { kind, resourceId } = keyOf(observation.key);
  await tx.installation.createMany({
    data: { kind, resourceId, status: 'pending', reconcileAt: now, updatedAt: now },
    skipDuplicates: true,
  });
  await tx.$queryRaw`
    SELECT 1 FROM installations WHERE kind = ${kind}::installation_kind AND resource_id = ${resourceId} FOR UPDATE`;
  const where = { kind_resourceId: { kind, resourceId } };
  const row = await tx.installation.findUniqueOrThrow({ where });
  return tx.installation.update({ where, data: { ...applyObservation(row, observation, now), updatedAt: now } });
}

/** A company that is gone is gone from all of its locations (platform.md 5.6). */
export async function recordCompanyUninstall(
  tx: Executor,
  companyId: string,
  uninstalledSeenAt: Date,
  now: Date,
): Promise<void> {
  // One order for everybody who locks many.
  const locations = await tx.installation.findMany({
    where: { kind: 'location', companyId, OR: [{ uninstalledSeenAt: null }, { uninstalledSeenAt: { lt: uninstalledSeenAt } }] },
    select: { kind: true, resourceId: true },
    orderBy: { resourceId: 'asc' },
  });
  for (const key of locations) await recordObservation(tx, { key, uninstalledSeenAt }, now);
}

function latest(current: Date | null, observed: Date | undefined): Date | null {
  return observed && (!current || observed > current) ? observed : current;
}

const domainName = /^(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/;
const maxDomains = 5;

/** It becomes part of a header, so it must be a name and nothing else. @returns the very same list when there is nothing to add */
export function addDomain(domains: string[], domain: string | null | undefined): string[] {
  const name = domain
    ?.trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .split(/[/:]/, 1)[0];
  if (!name || !domainName.test(name) || domains.includes(name)) return domains;
  // The first to come are the agency's own: contexts of one user must not push them out.
  return domains.length < maxDomains ? [...domains, name] : domains;
}
