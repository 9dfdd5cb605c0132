import { type Actor, audit } from '../audit/audit-log.ts';
import { type ApiScope, generateApiToken, hashApiToken } from '../core/api-token.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId, RandomSource } from '../core/ids.ts';
import type { ApiToken, Database, Executor } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import type { Installation } from './store.ts';

export type { ApiToken };

export interface ApiTokenDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  random: RandomSource;
  log: Log;
}

/** A verified token's access to one location. */
export interface TokenAccess {
  readonly tokenId: string;
  readonly name: string;
  readonly companyId: string | null;
  readonly locationId: string;
  readonly scopes: readonly string[];
}

export const maxTokenDays = 365;
const dayMs = 24 * 60 * 60 * 1000;
const maxPerLocation = 50;
/** A busy token must not cost a write a request. */
const lastUseIntervalMs = 60_000;
const hintChars = 4;

/**
 * Creates an API token of a location. Only its hash is stored, so this is the only time at which the token is known.
 *
 * @throws AppError `conflict`: the name is taken, the location has too many tokens, or it no longer has the app
 */
export async function createApiToken(
  deps: ApiTokenDeps,
  location: Installation,
  wanted: { name: string; scopes: readonly ApiScope[]; expiresInDays: number },
  actor: Actor,
): Promise<{ row: ApiToken; token: string }> {
  const { db, clock, newId } = deps;
  const { resourceId: locationId, companyId } = location;
  if (location.status === 'uninstalled') throw new AppError('conflict', 'The app is not installed in this location.');
  const now = dateNow(clock);
  const token = generateApiToken(deps.random);
  const { name } = wanted;
  const scopes = [...new Set(wanted.scopes)].sort();
  const row: ApiToken = {
    ...{ id: newId(), locationId, name, scopes },
    tokenHash: hashApiToken(token),
    hint: token.slice(-hintChars),
    createdBy: typeof actor === 'string' ? actor : actor.userId,
    createdAt: now,
    expiresAt: new Date(now.getTime() + wanted.expiresInDays * dayMs),
    lastUsedAt: null,
  };
  await db.transaction(async (tx) => {
    if ((await tx.apiToken.count({ where: { locationId } })) >= maxPerLocation) {
      throw new AppError('conflict', `A location has at most ${maxPerLocation} tokens. Revoke one first.`);
    }
    const { count } = await tx.apiToken.createMany({ data: [row], skipDuplicates: true });
    if (count === 0) throw new AppError('conflict', 'This location has a token of this name. Choose another name.');
    const details = `${name} (…${row.hint}): ${scopes.join(', ')}, until ${row.expiresAt.toISOString().slice(0, 10)}.`;
    await audit(tx, deps, { actor, action: 'api_token_created', locationId, companyId, details });
  });
  return { row, token };
}

/** Lists a location's tokens, the newest first; expired ones too, until they are deleted. */
export function listApiTokens(db: Database, locationId: string): Promise<ApiToken[]> {
  return db.client.apiToken.findMany({ where: { locationId }, orderBy: { id: 'desc' } });
}

/** Revokes a token: its next request is refused. @throws AppError `not_found` */
export async function revokeApiToken(deps: ApiTokenDeps, location: Installation, tokenId: string, actor: Actor): Promise<void> {
  const { resourceId: locationId, companyId } = location;
  await deps.db.transaction(async (tx) => {
    const row = await tx.apiToken.findFirst({ where: { id: tokenId, locationId } });
    const { count } = await tx.apiToken.deleteMany({ where: { id: tokenId, locationId } });
    if (!row || count === 0) throw new AppError('not_found', 'This location has no such token.');
    const details = `${row.name} (…${row.hint}).`;
    await audit(tx, deps, { actor, action: 'api_token_revoked', locationId, companyId, details });
  });
}

/**
 * Finds the access of an API token. Its location must have had the app ever since the token was created, so an uninstall ends it even
 * before its row is deleted.
 *
 * @returns null for an unknown, revoked or expired token
 */
export async function findTokenAccess(deps: ApiTokenDeps, token: string): Promise<TokenAccess | null> {
  const now = dateNow(deps.clock);
  const [row] = await deps.db.client.$queryRaw<(TokenAccess & { lastUsedAt: Date | null })[]>`
    SELECT t.id::text AS "tokenId", t.name, t.scopes, t.location_id AS "locationId", i.company_id AS "companyId", t.last_used_at AS "lastUsedAt"
    FROM api_tokens t JOIN installations i ON i.kind = 'location' AND i.resource_id = t.location_id
    WHERE t.token_hash = ${hashApiToken(token)} AND t.expires_at > ${now} AND i.status NOT IN ('pending', 'uninstalled')
      AND (i.uninstalled_seen_at IS NULL OR i.uninstalled_seen_at < t.created_at)`;
  if (!row) return null;
  const { lastUsedAt, ...access } = row;
  if (!lastUsedAt || now.getTime() - lastUsedAt.getTime() >= lastUseIntervalMs) await recordLastUse(deps, row.tokenId, now);
  return access;
}

/** Records a use. A database that cannot store it fails no request. */
async function recordLastUse({ db, log }: ApiTokenDeps, id: string, now: Date): Promise<void> {
  const before = new Date(now.getTime() - lastUseIntervalMs);
  try {
    await db.client.apiToken.updateMany({
      where: { id, OR: [{ lastUsedAt: null }, { lastUsedAt: { lte: before } }] },
      data: { lastUsedAt: now },
    });
  } catch (error) {
    log.warn({ err: error }, 'the last use of an API token could not be stored');
  }
}

/** Deletes the tokens of a location, or of all locations of a company. @returns the number deleted */
export async function deleteApiTokens(
  on: Executor,
  { kind, resourceId }: Pick<Installation, 'kind' | 'resourceId'>,
): Promise<number> {
  if (kind === 'location') return (await on.apiToken.deleteMany({ where: { locationId: resourceId } })).count;
  return on.$executeRaw`
    DELETE FROM api_tokens WHERE location_id IN (
      SELECT resource_id FROM installations WHERE kind = 'location' AND company_id = ${resourceId})`;
}

/** Deletes tokens that expired before a time. */
export async function purgeApiTokens(on: Executor, before: Date): Promise<void> {
  await on.apiToken.deleteMany({ where: { expiresAt: { lt: before } } });
}
