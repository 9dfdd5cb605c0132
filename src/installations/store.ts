import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor, Installation, InstallationKind, InstallationStatus } from '../database/client.ts';
import type { TokenOwner } from '../highlevel/client.ts';
import type { TokenSet } from '../highlevel/oauth.ts';
import { createLoader } from '../runtime/batcher.ts';

export type { Installation, InstallationKind, InstallationStatus };

/** An installation's name: what it is of, and HighLevel's id of that. */
export type InstallationKey = TokenOwner;

export function keyOf({ kind, resourceId }: InstallationKey): InstallationKey {
  return { kind, resourceId };
}

/** What a token set is of. */
export function toInstallationKey(tokens: TokenSet): InstallationKey {
  return { kind: tokens.kind, resourceId: (tokens.kind === 'company' ? tokens.companyId : tokens.locationId) as string };
}

export function findInstallation(on: Executor, { kind, resourceId }: InstallationKey): Promise<Installation | null> {
  return on.installation.findUnique({ where: { kind_resourceId: { kind, resourceId } } });
}

/** As `findInstallation`, many in one statement. */
export function createInstallationLoader(db: Database): (key: InstallationKey) => Promise<Installation | null> {
  const toName = ({ kind, resourceId }: InstallationKey) => `${kind}/${resourceId}`;
  return createLoader(toName, async (keys) => {
    const rows = await db.client.installation.findMany({ where: { OR: keys.map(keyOf) } });
    return new Map(rows.map((row) => [toName(row), row]));
  });
}

/** The columns of a token set, sealed and bound to their row. */
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

/** The same columns with nothing in them. A refresh that is under way loses its lease, so that it can't bring tokens back. */
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

/** What a sealed token is bound to. */
export function tokenAad(key: InstallationKey, column: 'access_token' | 'refresh_token'): string {
  return `${tokenAadPrefix(key)}${column}`;
}

/** How the identities of an installation's tokens begin. */
export function tokenAadPrefix({ kind, resourceId }: InstallationKey): string {
  return `installations/${kind}/${resourceId}/`;
}
