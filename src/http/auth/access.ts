import * as z from 'zod';
import type { Actor } from '../../audit/audit-log.ts';
import { AppError } from '../../core/errors.ts';
import type { Database, Prisma } from '../../database/client.ts';
import type { UserContext } from '../../highlevel/user-context.ts';
import { isRevoked } from '../../installations/sessions.ts';
import type { Installation } from '../../installations/store.ts';
import type { Message } from '../../messages/model/message.ts';
import { signToken, type TokenDeps, verifyToken } from './user-tokens.ts';

/** Who asks, as the token says: the only source of tenancy. A parameter chooses among what its token reaches. */
export type Access = 'operator' | UserAccess;

/** A user of one location, or of an agency, in which `locationId` is null. */
export type UserAccess = z.infer<typeof userAccess>;

/** What an address of the API asks for. */
export type Permission = 'none' | 'read' | 'write' | 'leave' | 'revoke' | 'operator';

const userAccess = z.object({
  sub: z.string(),
  companyId: z.string(),
  locationId: z.string().nullable(),
  scope: z.string().transform((scope) => scope.split(' ')),
  /** The token's own id, and when it ends, in seconds. */
  jti: z.string(),
  exp: z.number(),
  /** When its user context was first seen, in milliseconds. */
  seenAt: z.number(),
});

const userTokenTtlMs = 15 * 60 * 1000;

/**
 * The token that a verified user context is exchanged for. A location's admin changes that location; in an agency's context everything
 * is read only, but its admin may end sessions and take the app out of the whole agency.
 *
 * @param seenAt when the context was first seen
 */
export function signUserToken(deps: TokenDeps, { userId, companyId, locationId, role }: UserContext, seenAt: number) {
  const scope = ['read', role === 'admin' ? (locationId === null ? 'leave revoke' : 'write') : ''].join(' ').trim();
  return signToken(deps, 'patchbay/api', { sub: userId, companyId, locationId, scope, seenAt }, userTokenTtlMs);
}

/** Reads a user's token. @returns null unless it is ours, has not ended, and its session was not revoked */
export async function readUserToken(deps: TokenDeps & { db: Database }, token: string): Promise<UserAccess | null> {
  const access = await verifyToken(deps, 'patchbay/api', token, userAccess);
  return access && !(await isRevoked(deps.db, access)) ? access : null;
}

/** Whether a user's token that was good is so still: its session was not revoked and its place has the app. */
export async function isStillValid(db: Database, access: UserAccess): Promise<boolean> {
  if (await isRevoked(db, access)) return false;
  return (await db.client.installation.count({ where: visibleLocations(access), take: 1 })) > 0;
}

export function toActor(access: Access): Actor {
  return access === 'operator' ? 'operator' : { userId: access.sub };
}

export function can(access: Access, permission: Permission): boolean {
  return access === 'operator' || permission === 'none' || access.scope.includes(permission);
}

/** @throws AppError `forbidden` */
export function requirePermission(access: Access, permission: Permission): void {
  if (can(access, permission)) return;
  throw new AppError('forbidden', permission === 'operator' ? 'Only the operator may do this.' : 'Only an admin may do this.');
}

/** The locations that somebody reaches. The operator sees what is gone too. */
export function visibleLocations(access: Access): Prisma.InstallationWhereInput {
  if (access === 'operator') return { kind: 'location', status: { not: 'pending' } };
  const { companyId, locationId } = access;
  return {
    kind: 'location',
    companyId,
    status: { notIn: ['pending', 'uninstalled'] },
    ...(locationId === null ? {} : { resourceId: locationId }),
  };
}

/** @throws AppError `not_found`: there is none, or it is somebody else's, which is not said */
export async function getVisibleLocation(db: Database, access: Access, locationId: string): Promise<Installation> {
  const row = await db.client.installation.findFirst({
    where: { AND: [visibleLocations(access), { resourceId: locationId }] },
  });
  if (row) return row;
  throw new AppError('not_found', `The app is not installed in location ${locationId}.`);
}

/** Agency or operator: a location's user does not reach what is the agency's. @throws AppError `not_found` */
export async function getVisibleCompany(db: Database, access: Access, companyId: string): Promise<Installation> {
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
export async function getVisibleMessage(db: Database, access: Access, id: string): Promise<Message> {
  const message = await db.client.message.findUnique({ where: { id } });
  const isVisible =
    message !== null &&
    (access === 'operator' ||
      (await db.client.installation.count({
        where: { AND: [visibleLocations(access), { resourceId: message.locationId }] },
      })) > 0);
  if (isVisible) return message;
  throw new AppError('not_found', 'There is no such message.');
}

/** What may stand in a path. Whatever names somebody's data is found here and only if the caller reaches it. */
export const pathResolvers: Record<string, (db: Database, access: Access, id: string) => Promise<object>> = {
  locationId: async (db, access, id) => ({ location: await getVisibleLocation(db, access, id) }),
  companyId: async (db, access, id) => ({ company: await getVisibleCompany(db, access, id) }),
  id: async (db, access, id) => ({ message: await getVisibleMessage(db, access, id) }),
  // One of the app's own, the same for everybody.
  providerKey: async (_db, _access, providerKey) => ({ providerKey }),
};
