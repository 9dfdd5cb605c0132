import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Installation, InstallationKind, InstallationStatus } from '../database/client.ts';
import type { TokenSet } from '../highlevel/oauth.ts';

export type { Installation, InstallationKind, InstallationStatus };

/** An installation's name: what it is of, and HighLevel's id of that. */
export interface InstallationKey {
  kind: InstallationKind;
  resourceId: string;
}

/** The columns of a token set, sealed and bound to their row. */
export function sealedTokens(box: SecretBox, key: InstallationKey, tokens: TokenSet) {
  return {
    accessToken: box.seal(tokens.accessToken, identity(key, 'access_token')),
    refreshToken: box.seal(tokens.refreshToken, identity(key, 'refresh_token')),
    accessExpiresAt: tokens.accessExpiresAt,
    scopes: [...tokens.scopes],
  };
}

/** @throws AppError `secret_unreadable` */
export function openToken(box: SecretBox, row: Installation, column: 'access_token' | 'refresh_token'): string {
  const sealed = column === 'access_token' ? row.accessToken : row.refreshToken;
  return box.open(sealed ?? '', identity(row, column));
}

function identity({ kind, resourceId }: InstallationKey, column: string): string {
  return `installations/${kind}/${resourceId}/${column}`;
}

/** Writes what an install brought. A token that comes again replaces the old one and makes the installation active. */
export async function saveInstallation(db: Database, box: SecretBox, tokens: TokenSet, now: Date): Promise<InstallationKey> {
  const key: InstallationKey =
    tokens.kind === 'company'
      ? { kind: 'company', resourceId: tokens.companyId as string }
      : { kind: 'location', resourceId: tokens.locationId as string };
  const fields = {
    ...sealedTokens(box, key, tokens),
    status: 'active' as const,
    statusReason: null,
    companyId: tokens.companyId,
    userId: tokens.userId,
    isBulk: tokens.isBulk,
    toFutureLocations: tokens.toFutureLocations,
    // A refresh that was under way is of the old token set and must not be written over this one.
    refreshLease: null,
    refreshLeaseUntil: null,
    updatedAt: now,
  };
  await db.client.installation.upsert({
    where: { kind_resourceId: key },
    create: { ...key, ...fields, installedAt: now },
    update: fields,
  });
  return key;
}

export function findInstallation(db: Database, { kind, resourceId }: InstallationKey): Promise<Installation | null> {
  return db.client.installation.findUnique({ where: { kind_resourceId: { kind, resourceId } } });
}
