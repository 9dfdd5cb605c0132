import * as z from 'zod';
import type { Actor } from '../audit/audit-log.ts';
import { AppError } from '../core/errors.ts';
import type { Database, Prisma } from '../database/client.ts';
import type { UserContext } from '../highlevel/user-context.ts';
import { isRevoked } from '../installations/sessions.ts';
import type { Installation } from '../installations/store.ts';
import type { Message } from '../messages/settlement/update-messages.ts';
import { signToken, type TokenDeps, verifiedToken } from './user-tokens.ts';

/** Who asks, as the token says: the only source of tenancy. A parameter chooses among what its token reaches. */
export type Access = 'operator' | UserAccess;

/** A user of one location, or of an agency, in which `locationId` is null. */
export type UserAccess = z.infer<typeof userAccess>;

/** What an address of the API asks for. */
export type Need = 'nothing' | 'read' | 'write' | 'leave' | 'revoke' | 'operator';

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

const userTokenLifeMs = 15 * 60 * 1000;

/**
 * The token that a verified user context is exchanged for. A location's admin changes that location; in an agency's context everything
 * is read only, but its admin may end sessions and take the app out of the whole agency.
 *
 * @param seenAt when the context was first seen
 */
export function signUserToken(deps: TokenDeps, { userId, companyId, locationId, role }: UserContext, seenAt: number) {
  const scope = ['read', role === 'admin' ? (locationId === null ? 'leave revoke' : 'write') : ''].join(' ').trim();
  return signToken(deps, 'patchbay/api', { sub: userId, companyId, locationId, scope, seenAt }, userTokenLifeMs);
}

/** Reads a user's token. @returns null unless it is ours, has not ended, and its session was not revoked */
export async function readUserToken(deps: TokenDeps & { db: Database }, token: string): Promise<UserAccess | null> {
  const access = await verifiedToken(deps, 'patchbay/api', token, userAccess);
  return access && !(await isRevoked(deps.db, access)) ? access : null;
}

/** Whether a user's token that was good is so still: its session was not revoked and its place has the app. */
export async function isStillGood(db: Database, access: UserAccess): Promise<boolean> {
  if (await isRevoked(db, access)) return false;
  return (await db.client.installation.count({ where: reachable(access), take: 1 })) > 0;
}

export function actorOf(access: Access): Actor {
  return access === 'operator' ? 'operator' : { userId: access.sub };
}

export function may(access: Access, need: Need): boolean {
  return access === 'operator' || need === 'nothing' || access.scope.includes(need);
}

/** @throws AppError `forbidden` */
export function requireNeed(access: Access, need: Need): void {
  if (may(access, need)) return;
  throw new AppError('forbidden', need === 'operator' ? 'Only the operator may do this.' : 'Only an admin may do this.');
}

/** The locations that somebody reaches. The operator sees what is gone too. */
export function reachable(access: Access): Prisma.InstallationWhereInput {
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
export async function reachedLocation(db: Database, access: Access, locationId: string): Promise<Installation> {
  const row = await db.client.installation.findFirst({ where: { AND: [reachable(access), { resourceId: locationId }] } });
  if (row) return row;
  throw new AppError('not_found', `The app is not installed in location ${locationId}.`);
}

/** Agency or operator: a location's user does not reach what is the agency's. @throws AppError `not_found` */
export async function reachedCompany(db: Database, access: Access, companyId: string): Promise<Installation> {
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
export async function reachedMessage(db: Database, access: Access, id: string): Promise<Message> {
  const message = await db.client.message.findUnique({ where: { id } });
  const isReached =
    message !== null &&
    (access === 'operator' ||
      (await db.client.installation.count({
        where: { AND: [reachable(access), { resourceId: message.locationId }] },
      })) > 0);
  if (isReached) return message;
  throw new AppError('not_found', 'There is no such message.');
}

/** What may stand in a path. Whatever names somebody's data is found here and only if the caller reaches it. */
export const reachedByName: Record<string, (db: Database, access: Access, id: string) => Promise<object>> = {
  locationId: async (db, access, id) => ({ location: await reachedLocation(db, access, id) }),
  companyId: async (db, access, id) => ({ company: await reachedCompany(db, access, id) }),
  id: async (db, access, id) => ({ message: await reachedMessage(db, access, id) }),
  // One of the app's own, the same for everybody.
  providerKey: async (_db, _access, providerKey) => ({ providerKey }),
};
