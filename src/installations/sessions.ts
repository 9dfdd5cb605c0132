import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { toAuditScope } from './activate.ts';
import { deleteApiTokens } from './api-tokens.ts';
import { type Installation, keyOf } from './store.ts';

/** A user's access to one location, or to an agency. It expires with the user context that it comes from. */
export interface UserSession {
  readonly companyId: string;
  readonly locationId: string | null;
  /** Time at which the context was first seen, in milliseconds. */
  readonly seenAt: number;
}

/** The page makes a new context with each handshake, four times an hour: an older one was copied. */
const contextTtlMs = 8 * 60 * 60 * 1000;

/**
 * Rejects a user context that was first seen hours ago, or before its sessions were revoked: it carries no time (platform.md 7.4).
 *
 * @throws AppError `context_invalid`
 */
export async function requireCurrentSession(deps: { db: Database; clock: Clock }, session: UserSession): Promise<void> {
  const isOld = deps.clock.now() - session.seenAt > contextTtlMs;
  if (!isOld && !(await isRevoked(deps.db, session))) return;
  throw new AppError('context_invalid', 'This user context has expired. Please reload the page.');
}

/** Returns whether an operator or an agency's admin has revoked this session. */
export async function isRevoked(db: Database, { companyId, locationId, seenAt }: UserSession): Promise<boolean> {
  const count = await db.client.sessionRevocation.count({
    where: {
      OR: [
        { kind: 'company', resourceId: companyId },
        { kind: 'location', resourceId: locationId ?? '' },
      ],
      revokedAt: { gte: new Date(seenAt) },
    },
  });
  return count > 0;
}

/**
 * Revokes all sessions of a location, or of an agency and its locations. Contexts first seen before now are rejected, and API tokens are
 * deleted: a user who lost access may have kept one.
 */
export async function revokeSessions(
  deps: { db: Database; clock: Clock; newId: NewId },
  row: Installation,
  actor: Actor,
): Promise<Date> {
  const revokedAt = dateNow(deps.clock);
  const key = keyOf(row);
  await deps.db.transaction(async (tx) => {
    await tx.sessionRevocation.upsert({
      where: { kind_resourceId: key },
      create: { ...key, revokedAt },
      update: { revokedAt },
    });
    const count = await deleteApiTokens(tx, key);
    const details = count > 0 ? `API tokens revoked: ${count}.` : undefined;
    await audit(tx, deps, { actor, action: 'sessions_revoked', ...toAuditScope(row), details });
  });
  return revokedAt;
}
