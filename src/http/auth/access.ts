import * as z from 'zod';
import type { Actor } from '../../audit/audit-log.ts';
import type { ApiScope } from '../../core/api-token.ts';
import { AppError } from '../../core/errors.ts';
import type { Database, Prisma } from '../../database/client.ts';
import type { UserContext } from '../../highlevel/user-context.ts';
import type { TokenAccess } from '../../installations/api-tokens.ts';
import { isRevoked } from '../../installations/sessions.ts';
import type { Installation } from '../../installations/store.ts';
import type { Message } from '../../messages/model/message.ts';
import { signToken, type TokenDeps, verifyToken } from './user-tokens.ts';

/** The caller according to its token: the only source of tenancy. Parameters select among what the token may see. */
export type Access = 'operator' | UserAccess;

/** The caller of a route of the API that has a scope: besides people, a program with an API token. */
export type ApiAccess = Access | TokenAccess;

/** A user of one location, or of an agency, in which `locationId` is null. */
export type UserAccess = z.infer<typeof userAccess>;

/** Permission that an endpoint requires. */
export type Permission = 'none' | 'read' | 'write' | 'leave' | 'revoke' | 'operator';

const userAccess = z.object({
  sub: z.string(),
  companyId: z.string(),
  locationId: z.string().nullable(),
  scope: z.string().transform((scope) => scope.split(' ')),
  /** The token's own id, and when it ends, in seconds. */
  jti: z.string(),
  exp: z.number(),
  /** Time at which its user context was first seen, in milliseconds. */
  seenAt: z.number(),
});

const userTokenTtlMs = 15 * 60 * 1000;

/**
 * Signs the token that a verified user context is exchanged for. A location's admin may change that location. An agency's context is read
 * only, except that its admin may end sessions and uninstall the app from the whole agency.
 *
 * @param seenAt when the context was first seen
 */
export function signUserToken(deps: TokenDeps, { userId, companyId, locationId, role }: UserContext, seenAt: number) {
  const scope = ['read', role === 'admin' ? (locationId === null ? 'leave revoke' : 'write') : ''].join(' ').trim();
  return signToken(deps, 'patchbay/api', { sub: userId, companyId, locationId, scope, seenAt }, userTokenTtlMs);
}

/** Dependencies of reading a user's token. */
export type UserTokenDeps = TokenDeps & { db: Database };

/** Reads a user's token. @returns null for a forged or expired token, and after its session was revoked */
export async function readUserToken(deps: UserTokenDeps, token: string): Promise<UserAccess | null> {
  const access = await verifyToken(deps, 'patchbay/api', token, userAccess);
  return access && !(await isRevoked(deps.db, access)) ? access : null;
}

/** Checks that a verified user's token is still valid: its session was not revoked and its location or agency has the app. */
export async function isStillValid(db: Database, access: UserAccess): Promise<boolean> {
  if (await isRevoked(db, access)) return false;
  return (await db.client.installation.count({ where: visibleLocations(access), take: 1 })) > 0;
}

export function toActor(access: ApiAccess): Actor {
  if (access === 'operator') return access;
  return { userId: isToken(access) ? `token:${access.name}` : access.sub };
}

/** @param scope the scope that stands for the permission in an API token; without one, no token has it */
export function can(access: ApiAccess, permission: Permission, scope?: ApiScope): boolean {
  if (access === 'operator' || permission === 'none') return true;
  return isToken(access) ? scope !== undefined && access.scopes.includes(scope) : access.scope.includes(permission);
}

function isToken(access: UserAccess | TokenAccess): access is TokenAccess {
  return 'tokenId' in access;
}

/** @throws AppError `forbidden` */
export function requireScope({ scopes }: TokenAccess, scope: ApiScope | null): void {
  if (scope !== null && scopes.includes(scope)) return;
  throw new AppError('forbidden', scope ? `This API token needs the scope ${scope}.` : 'An API token may not do this.');
}

/** @throws AppError `forbidden` */
export function requirePermission(access: Access, permission: Permission): void {
  if (can(access, permission)) return;
  throw new AppError('forbidden', permission === 'operator' ? 'Only the operator may do this.' : 'Only an admin may do this.');
}

/** Builds the filter for the locations that a caller may see. The operator also sees uninstalled ones. */
export function visibleLocations(access: ApiAccess): Prisma.InstallationWhereInput {
  if (access === 'operator') return { kind: 'location', status: { not: 'pending' } };
  const { companyId, locationId } = access;
  return {
    kind: 'location',
    ...(isToken(access) ? {} : { companyId }),
    status: { notIn: ['pending', 'uninstalled'] },
    ...(locationId === null ? {} : { resourceId: locationId }),
  };
}

/** Finds a location that the caller may see. @throws AppError `not_found`: it does not exist or belongs to another tenant, without saying which */
export async function getVisibleLocation(db: Database, access: ApiAccess, locationId: string): Promise<Installation> {
  const row = await db.client.installation.findFirst({
    where: { AND: [visibleLocations(access), { resourceId: locationId }] },
  });
  if (row) return row;
  throw new AppError('not_found', `The app is not installed in location ${locationId}.`);
}

/** Finds a company for its own users or the operator; a location's user may not see it. @throws AppError `not_found` */
export async function getVisibleCompany(db: Database, access: ApiAccess, companyId: string): Promise<Installation> {
  const isOwn = access === 'operator' || (access.locationId === null && access.companyId === companyId);
  const row = isOwn
    ? await db.client.installation.findFirst({
        where: { kind: 'company', resourceId: companyId, ...(access === 'operator' ? {} : { status: { not: 'uninstalled' } }) },
      })
    : null;
  if (row) return row;
  throw new AppError('not_found', `The app is not installed in company ${companyId}.`);
}

/** @throws AppError `not_found` */
async function getVisibleMessage(db: Database, access: ApiAccess, id: string): Promise<Message> {
  const message = await db.client.message.findUnique({ where: { id } });
  const isVisible =
    message !== null &&
    (access === 'operator' ||
      (await db.client.installation.count({
        where: { AND: [visibleLocations(access), { resourceId: message.locationId }] },
      })) > 0);
  if (isVisible) return message;
  throw new AppError('not_found', 'This message does not exist.');
}

/** A connection as its owner: what a handler needs to load it. */
export type VisibleConnection = { id: string; locationId: string; providerKey: string };

/** @throws AppError `not_found`: it does not exist or belongs to another tenant, without saying which */
async function getVisibleConnection(db: Database, access: ApiAccess, id: string): Promise<VisibleConnection> {
  const row = await db.client.connection.findUnique({
    where: { id, disabledAt: null },
    select: { id: true, locationId: true, providerKey: true },
  });
  const isVisible =
    row !== null &&
    (access === 'operator' ||
      (await db.client.installation.count({ where: { AND: [visibleLocations(access), { resourceId: row.locationId }] } })) > 0);
  if (isVisible) return row;
  throw new AppError('not_found', 'There is no such connection.');
}

/** Resolvers of path parameters. A parameter that names a tenant's data is resolved only if the caller may see the data. */
export const pathResolvers: Record<string, (db: Database, access: ApiAccess, id: string) => Promise<object>> = {
  locationId: async (db, access, id) => ({ location: await getVisibleLocation(db, access, id) }),
  companyId: async (db, access, id) => ({ company: await getVisibleCompany(db, access, id) }),
  connectionId: async (db, access, id) => ({ connection: await getVisibleConnection(db, access, id) }),
  id: async (db, access, id) => ({ message: await getVisibleMessage(db, access, id) }),
  // A contact's address, or a sender's, which belongs to the location or the connection that the path names.
  address: async (_db, _access, address) => ({ address }),
  // A token and a webhook endpoint belong to the location that the path names.
  tokenId: async (_db, _access, tokenId) => ({ tokenId }),
  // Looked up within the location that the path names.
  contactId: async (_db, _access, contactId) => ({ contactId }),
  erasureId: async (_db, _access, erasureId) => ({ erasureId }),
  webhookId: async (_db, _access, webhookId) => ({ webhookId }),
  // A provider belongs to the app, not to a tenant.
  providerKey: async (_db, _access, providerKey) => ({ providerKey }),
};
