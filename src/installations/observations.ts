import type { Executor } from '../database/client.ts';
import { endFormerAccess } from './handover.ts';
import { clearedTokens, type Installation, type InstallationKey, keyOf } from './store.ts';

/**
 * Evidence about an installation: a token response, an app event, a row of a listing, a user context. A field without a value changes
 * no column.
 */
export interface Observation {
  readonly key: InstallationKey;
  readonly companyId?: string | null | undefined;
  /** The app was installed at this time. */
  readonly installedSeenAt?: Date | undefined;
  /** The app was no longer installed at this time. */
  readonly uninstalledSeenAt?: Date | undefined;
  readonly name?: string | null | undefined;
  readonly userId?: string | null | undefined;
  readonly isBulk?: boolean | undefined;
  readonly includesFutureLocations?: boolean | null | undefined;
  readonly whiteLabelDomain?: string | null | undefined;
  /** Reconcile even without a change: the evidence suggests that a problem is resolved. */
  readonly isHint?: boolean | undefined;
}

/** Returns whether the app is installed by the latest evidence, in any order of arrival. Of two equal times, the uninstall counts. */
export function isInstalled({
  installedSeenAt,
  uninstalledSeenAt,
}: Pick<Installation, 'installedSeenAt' | 'uninstalledSeenAt'>): boolean {
  return installedSeenAt !== null && (uninstalledSeenAt === null || installedSeenAt > uninstalledSeenAt);
}

/**
 * Applies an observation to an installation. Only the latest "seen installed" and "seen uninstalled" times are stored and compared, so
 * observations commute: duplicates, delays and reordering lead to the same state.
 */
export function applyObservation(row: Installation, observation: Observation, now: Date) {
  const times = {
    installedSeenAt: latest(row.installedSeenAt, observation.installedSeenAt),
    uninstalledSeenAt: latest(row.uninstalledSeenAt, observation.uninstalledSeenAt),
  };
  const isBack = isInstalled(times) && (row.status === 'uninstalled' || row.installedSeenAt === null);
  const isGone = times.uninstalledSeenAt !== null && !isInstalled(times) && row.status !== 'uninstalled';
  const companyId = chooseCompany(row, observation);
  const isChange = isBack || isGone || companyId !== row.companyId;
  const isTrouble = row.status !== 'active' && row.status !== 'uninstalled';
  return {
    ...times,
    ...(isBack && row.status === 'uninstalled' ? { ...clearedTokens, uninstallReason: null } : {}),
    ...(isBack ? { status: 'pending' as const, installedAt: times.installedSeenAt } : {}),
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

/**
 * Returns the company of the latest known install: an agency can hand a location over to another one, and a late event or listing of the first
 * must not let its users back in.
 */
function chooseCompany(row: Installation, { companyId, installedSeenAt }: Observation): string | null {
  const isLatest = installedSeenAt !== undefined && (row.installedSeenAt === null || installedSeenAt >= row.installedSeenAt);
  return isLatest || row.companyId === null ? (companyId ?? row.companyId) : row.companyId;
}

/** Records an observation, in the caller's transaction. @returns the updated installation */
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
  const changed = applyObservation(row, observation, now);
  await endFormerAccess(tx, row, changed.companyId);
  return tx.installation.update({ where, data: { ...changed, updatedAt: now } });
}

/** Records a company's uninstall for all of its locations (platform.md 5.6). */
export async function recordCompanyUninstall(
  tx: Executor,
  companyId: string,
  uninstalledSeenAt: Date,
  now: Date,
): Promise<void> {
  // Sort by id: concurrent transactions then lock rows in the same order and cannot deadlock.
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

/** Adds a domain, which must be a plain host name, as it becomes part of a header. @returns the same array when it is unchanged */
export function addDomain(domains: string[], domain: string | null | undefined): string[] {
  const name = domain
    ?.trim()
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .split(/[/:]/, 1)[0];
  if (!name || !domainName.test(name) || domains.includes(name)) return domains;
  // The first domains are the agency's own: contexts of one user must not displace them.
  return domains.length < maxDomains ? [...domains, name] : domains;
}
