import { createHash } from 'node:crypto';
import type { Channel, OAuthSignIn } from '../channels/channel.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Database, Executor, OauthGrant } from '../database/client.ts';
import type { IssuedTokens } from '../runtime/oauth-tokens.ts';

/** Access tokens are renewed this long before they end, so that they do not end on the way. */
const renewalMarginMs = 5 * 60 * 1000;

type Column = 'refresh_token' | 'access_token';

/** Returns the additional authenticated data (AES-GCM) that binds a sealed token to its row. */
function grantAad(connectionId: string, column: Column): string {
  return `connections/${connectionId}/oauth/${column}`;
}

/** Finds the sign-in that a connection's config asks for. @returns null where it asks for none, or the operator has not set it up */
export function findSignIn({ channel, config }: { channel: Channel; config: object }): OAuthSignIn | null {
  return channel.setup?.getSignIn?.(config) ?? null;
}

/** Hashes what a grant is for: tokens of another client, account, config or server are of no use. */
function toGrantSource({ tokenUrl, clientId, scope, refreshToken, consent, audience = [] }: OAuthSignIn): string {
  const parts = [tokenUrl, clientId, scope ?? null, refreshToken ?? null, consent?.account ?? null, ...audience];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** Finds the grant of a connection, if it is for this sign-in. */
export function findGrant(on: Executor, connectionId: string, signIn: OAuthSignIn): Promise<OauthGrant | null> {
  return on.oauthGrant.findUnique({ where: { connectionId, source: toGrantSource(signIn) } });
}

/** Opens one of the sealed tokens. @throws AppError `secret_unreadable` */
export function openGrantToken(
  box: SecretBox,
  { connectionId, refreshToken, accessToken }: OauthGrant,
  column: Column,
): string {
  return box.open((column === 'refresh_token' ? refreshToken : accessToken) ?? '', grantAad(connectionId, column));
}

/** Seals new tokens for their row. A response without a refresh token leaves the earlier one in use. */
export function sealTokens(box: SecretBox, connectionId: string, tokens: IssuedTokens, now: Date) {
  const { accessToken, refreshToken, lifetimeMs } = tokens;
  return {
    accessToken: box.seal(accessToken, grantAad(connectionId, 'access_token')),
    accessRenewAt: new Date(now.getTime() + lifetimeMs - Math.min(renewalMarginMs, lifetimeMs / 2)),
    ...(refreshToken === null ? {} : { refreshToken: box.seal(refreshToken, grantAad(connectionId, 'refresh_token')) }),
    refusedAt: null,
    refusedCode: null,
    renewalLease: null,
    renewalLeaseUntil: null,
    updatedAt: now,
  };
}

/** Stores the grant of a consent in place of an earlier one, whose renewal, if one is in progress, then stores no token. */
export async function storeConsentGrant(
  tx: Executor,
  box: SecretBox,
  {
    connectionId,
    signIn,
    account,
    tokens,
  }: { connectionId: string; signIn: OAuthSignIn; account: string; tokens: IssuedTokens },
  now: Date,
): Promise<void> {
  const { refreshToken = '', ...sealed } = sealTokens(box, connectionId, tokens, now);
  const data = { ...sealed, refreshToken, source: toGrantSource(signIn), account };
  await tx.oauthGrant.upsert({
    where: { connectionId },
    create: { connectionId, ...data, createdAt: now },
    update: { ...data, tokenVersion: { increment: 1 }, createdAt: now },
  });
}

/** Creates the row for a refresh token of the config, with which renewals start. @returns null for a connection that is not stored */
export async function createConfiguredGrant(
  { db, box }: { db: Database; box: SecretBox },
  connectionId: string,
  signIn: OAuthSignIn,
  now: Date,
): Promise<OauthGrant | null> {
  if (signIn.refreshToken === undefined || (await db.client.connection.count({ where: { id: connectionId } })) === 0)
    return null;
  const source = toGrantSource(signIn);
  const blank = { account: null, accessToken: null, accessRenewAt: null, refusedAt: null, refusedCode: null };
  const data = {
    ...{ ...blank, source, renewalLease: null, renewalLeaseUntil: null, createdAt: now, updatedAt: now },
    refreshToken: box.seal(signIn.refreshToken, grantAad(connectionId, 'refresh_token')),
  };
  // Of concurrent callers one creates or replaces the row; the others find it.
  await db.client.oauthGrant.createMany({ data: { connectionId, ...data }, skipDuplicates: true });
  await db.client.oauthGrant.updateMany({
    where: { connectionId, source: { not: source } },
    data: { ...data, tokenVersion: { increment: 1 } },
  });
  return findGrant(db.client, connectionId, signIn);
}

/** Deletes the grant of a connection whose config asks for another sign-in, or for none. */
export async function deleteUnusedGrant(tx: Executor, connectionId: string, signIn: OAuthSignIn | null): Promise<void> {
  const source = signIn ? { source: { not: toGrantSource(signIn) } } : {};
  await tx.oauthGrant.deleteMany({ where: { connectionId, ...source } });
}

/** Counts the tokens that another key than the newest has sealed. */
export async function countTokensOfOlderKeys(on: Executor, currentKeyPrefix: string): Promise<number> {
  const isOlder = { not: { startsWith: currentKeyPrefix } };
  const refreshCount = await on.oauthGrant.count({ where: { refreshToken: isOlder } });
  return (
    refreshCount + (await on.oauthGrant.count({ where: { AND: [{ accessToken: { not: null } }, { accessToken: isOlder }] } }))
  );
}

/** Seals the tokens of a connection again with the newest key, unless a concurrent write has replaced them. */
export async function reencryptGrant({ db, box }: { db: Database; box: SecretBox }, connectionId: string): Promise<void> {
  const grant = await db.client.oauthGrant.findUnique({ where: { connectionId } });
  if (!grant) return;
  const { refreshToken, accessToken } = grant;
  await db.client.oauthGrant.updateMany({
    where: { connectionId, refreshToken, accessToken },
    data: {
      refreshToken: box.reencrypt(refreshToken, grantAad(connectionId, 'refresh_token')),
      accessToken: accessToken && box.reencrypt(accessToken, grantAad(connectionId, 'access_token')),
    },
  });
}
