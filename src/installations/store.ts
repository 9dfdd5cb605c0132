import type { SecretBox } from '../core/secret-box.ts';
import {
  type Database,
  type Executor,
  type Installation,
  type InstallationKind,
  type InstallationStatus,
  Prisma,
} from '../database/client.ts';
import { type JsonForms, queryJsonRows, toSelectList } from '../database/json-rows.ts';
import { recordset } from '../database/recordset.ts';
import type { TokenOwner } from '../highlevel/client.ts';
import type { TokenSet } from '../highlevel/oauth.ts';
import { createLoader } from '../runtime/batcher.ts';

export type { Installation, InstallationKind, InstallationStatus };

/** Identity of an installation: company or location, with HighLevel's id. */
export type InstallationKey = TokenOwner;

export function keyOf({ kind, resourceId }: InstallationKey): InstallationKey {
  return { kind, resourceId };
}

/** Returns the installation that a token set belongs to. */
export function toInstallationKey(tokens: TokenSet): InstallationKey {
  return { kind: tokens.kind, resourceId: (tokens.kind === 'company' ? tokens.companyId : tokens.locationId) as string };
}

export function findInstallation(on: Executor, { kind, resourceId }: InstallationKey): Promise<Installation | null> {
  return on.installation.findUnique({ where: { kind_resourceId: { kind, resourceId } } });
}

/** Creates a loader that finds installations; concurrent calls share one statement. */
export function createInstallationLoader(db: Database): (key: InstallationKey) => Promise<Installation | null> {
  const toName = ({ kind, resourceId }: InstallationKey) => `${kind}/${resourceId}`;
  return createLoader(toName, async (keys) => {
    const rows = await queryJsonRows<Installation>(db.client, installationsSql, [JSON.stringify(keys.map(keyOf))], forms);
    return new Map(rows.map((row) => [toName(row), row]));
  });
}

const installationsSql = `
  SELECT ${toSelectList(Object.values(Prisma.InstallationScalarFieldEnum), 'i')}
  FROM ${recordset('$1', { kind: 'installation_kind', resourceId: 'text' }, 'key')}
  JOIN installations AS i ON i.kind = key.kind AND i.resource_id = key."resourceId"`;

const forms: JsonForms<Installation> = {
  ...{
    accessExpiresAt: 'time',
    refreshLeaseUntil: 'time',
    refreshAttemptedAt: 'time',
    tokensStoredAt: 'time',
    slotReservedAt: 'time',
  },
  ...{ installedSeenAt: 'time', uninstalledSeenAt: 'time', installedAt: 'time', updatedAt: 'time', reconcileAt: 'time' },
  ...{ profileFetchedAt: 'time', syncStartedAt: 'time', syncedAt: 'time', nextSyncAt: 'time' },
  ...{ scopes: 'list', whiteLabelDomains: 'list' },
};

/** The columns of an installation that alerts name it by. */
export type InstallationSummary = Pick<Installation, 'kind' | 'resourceId' | 'companyId' | 'name' | 'statusReason'>;

const summaryColumns = { kind: true, resourceId: true, companyId: true, name: true, statusReason: true } as const;

/** Lists the installations with these keys; a key without an installation is left out. */
export function listInstallations(on: Executor, keys: readonly InstallationKey[]): Promise<InstallationSummary[]> {
  return on.installation.findMany({ where: { OR: keys.map(keyOf) }, select: summaryColumns });
}

/** Lists the installations with a status. */
export function listInstallationsByStatus(on: Executor, status: InstallationStatus): Promise<InstallationSummary[]> {
  return on.installation.findMany({ where: { status }, select: summaryColumns });
}

/** Lists the active locations with their time zones, by id. @param after the last one of the previous part; '' for the first */
export function listActiveLocations(
  on: Executor,
  after: string,
  limit: number,
): Promise<Pick<Installation, 'resourceId' | 'timezone'>[]> {
  return on.installation.findMany({
    where: { kind: 'location', status: 'active', resourceId: { gt: after } },
    select: { resourceId: true, timezone: true },
    orderBy: { resourceId: 'asc' },
    take: limit,
  });
}

/** Returns the names of companies and locations, by HighLevel's id. */
export async function findInstallationNames(on: Executor, resourceIds: readonly string[]): Promise<Map<string, string | null>> {
  const rows = await on.installation.findMany({
    where: { resourceId: { in: [...resourceIds] } },
    select: { resourceId: true, name: true },
  });
  return new Map(rows.map(({ resourceId, name }) => [resourceId, name]));
}

/** Returns the columns of a token set, sealed and bound to their row. */
export function sealTokens(box: SecretBox, key: InstallationKey, tokens: TokenSet, now: Date) {
  return {
    accessToken: box.seal(tokens.accessToken, tokenAad(key, 'access_token')),
    refreshToken: tokens.refreshToken === null ? null : box.seal(tokens.refreshToken, tokenAad(key, 'refresh_token')),
    accessExpiresAt: tokens.accessExpiresAt,
    scopes: [...tokens.scopes],
    tokenVersion: { increment: 1 },
    tokensStoredAt: now,
  };
}

/** Empty token columns. They also clear the lease of a refresh in flight, so that it cannot store its tokens afterwards. */
export const clearedTokens = {
  accessToken: null,
  refreshToken: null,
  accessExpiresAt: null,
  refreshLease: null,
  refreshLeaseUntil: null,
  slotReservedAt: null,
} as const;

/** @throws AppError `secret_unreadable` */
export function openToken(box: SecretBox, row: Installation, column: 'access_token' | 'refresh_token'): string {
  const sealed = column === 'access_token' ? row.accessToken : row.refreshToken;
  return box.open(sealed ?? '', tokenAad(row, column));
}

/** Returns the additional authenticated data (AES-GCM) that binds a sealed token to its row. */
export function tokenAad(key: InstallationKey, column: 'access_token' | 'refresh_token'): string {
  return `${tokenAadPrefix(key)}${column}`;
}

/** Returns the common prefix of the additional authenticated data of an installation's tokens. */
export function tokenAadPrefix({ kind, resourceId }: InstallationKey): string {
  return `installations/${kind}/${resourceId}/`;
}

/** Counts the installations by kind and status. */
export function countInstallations({ installation }: Executor) {
  return installation.groupBy({ by: ['kind', 'status'], _count: true });
}
