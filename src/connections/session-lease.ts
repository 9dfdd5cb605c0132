import { type Clock, dateNow } from '../core/clock.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { leaveGroups, setGroupOwner } from '../queue/group-owner.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { stateAad } from './sealed-config.ts';

/** Lifetime of a lease after its last renewal. */
export const leaseMs = 10_000;
export const renewIntervalMs = 3_000;
/** An owner that could not renew its leases for this long closes its sessions, before other workers may open them. */
export const fenceMs = leaseMs - 2_000;

/** A connection whose channel has a session, as far as its owner needs it. */
export type SessionRow = Pick<
  ConnectionRow,
  'id' | 'locationId' | 'providerKey' | 'hasOwnGroup' | 'type' | 'updatedAt' | 'sessionOwnerId' | 'sessionLeaseUntil'
>;

/** Lists the connections of these channels that need an open session: neither held nor disabled. */
export function listSessionRows(on: Executor, types: readonly string[]): Promise<SessionRow[]> {
  return on.connection.findMany({
    where: { type: { in: [...types] }, disabledAt: null, status: { not: 'held' } },
    select: {
      id: true,
      locationId: true,
      providerKey: true,
      hasOwnGroup: true,
      type: true,
      updatedAt: true,
      sessionOwnerId: true,
      sessionLeaseUntil: true,
    },
    orderBy: { id: 'asc' },
  });
}

/**
 * Returns true when a worker may take a lease. The lease of a dead worker is free a little earlier: once it has not been renewed twice, as
 * a worker that is declared dead by mistake may still renew it.
 */
export function isLeaseFree(
  { sessionOwnerId, sessionLeaseUntil }: Pick<SessionRow, 'sessionOwnerId' | 'sessionLeaseUntil'>,
  { workerId, liveWorkerIds, now }: { workerId: string; liveWorkerIds: ReadonlySet<string>; now: number },
): boolean {
  if (sessionOwnerId === null || sessionLeaseUntil === null || sessionOwnerId === workerId) return true;
  const leftMs = sessionLeaseUntil.getTime() - now;
  // More time left than a lease has: written while the clock was ahead.
  if (leftMs <= 0 || leftMs > 2 * leaseMs) return true;
  return !liveWorkerIds.has(sessionOwnerId) && leftMs <= leaseMs - 2 * renewIntervalMs;
}

/**
 * Takes the leases of connections, by compare-and-set: those that another worker has taken or renewed since they were read stay its own. The
 * groups in the queue follow their lease in the same transaction.
 *
 * @param carriesSends whether the jobs of a connection are for its owner alone
 * @returns the ids of the connections whose lease was taken
 */
export async function takeLeases(
  { db, clock }: { db: Database; clock: Clock },
  rows: readonly SessionRow[],
  workerId: string,
  carriesSends: (row: SessionRow) => boolean,
): Promise<Set<string>> {
  const now = dateNow(clock);
  const until = new Date(now.getTime() + leaseMs);
  return db.transaction(async (tx) => {
    const taken = await tx.$queryRaw<{ id: string }[]>`
      WITH free AS (
        SELECT connections.id FROM connections
        JOIN unnest(${rows.map(({ id }) => id)}::uuid[], ${rows.map(({ sessionOwnerId }) => sessionOwnerId)}::uuid[],
          ${rows.map(({ sessionLeaseUntil }) => sessionLeaseUntil?.toISOString() ?? null)}::timestamptz[]) AS seen (id, owner_id, lease_until)
          ON seen.id = connections.id
        WHERE session_owner_id IS NOT DISTINCT FROM seen.owner_id AND session_lease_until IS NOT DISTINCT FROM seen.lease_until
        ORDER BY connections.id FOR UPDATE OF connections SKIP LOCKED)
      UPDATE connections SET session_owner_id = ${workerId}::uuid, session_lease_until = ${until} FROM free
      WHERE connections.id = free.id RETURNING connections.id`;
    const ids = new Set(taken.map(({ id }) => id));
    const groups = rows.filter((row) => ids.has(row.id) && carriesSends(row)).map(toConnectionGroupKey);
    await setGroupOwner(tx, groups, workerId, now);
    return ids;
  });
}

/** Renews the leases that are still this worker's. @returns the ids of their connections */
export async function renewLeases(
  { db, clock }: { db: Database; clock: Clock },
  ids: readonly string[],
  workerId: string,
): Promise<Set<string>> {
  const until = new Date(clock.now() + leaseMs);
  const renewed = await db.client.$queryRaw<{ id: string }[]>`
    UPDATE connections SET session_lease_until = ${until}
    WHERE id = ANY (${[...ids]}::uuid[]) AND session_owner_id = ${workerId}::uuid RETURNING id`;
  return new Set(renewed.map(({ id }) => id));
}

/** Releases leases, as far as they are this worker's, so that another worker takes them at once. */
export async function releaseLeases(db: Database, rows: readonly SessionRow[], workerId: string): Promise<void> {
  if (rows.length === 0) return;
  await db.transaction(async (tx) => {
    await tx.connection.updateMany({
      where: { id: { in: rows.map(({ id }) => id) }, sessionOwnerId: workerId },
      data: { sessionOwnerId: null, sessionLeaseUntil: null },
    });
    await leaveGroups(tx, rows.map(toConnectionGroupKey), workerId);
  });
}

/** Stores the state of a session. @returns false when the worker no longer owns it: the state of the next owner stays */
export async function storeSessionState(
  { db, box }: { db: Database; box: SecretBox },
  { id, workerId }: { id: string; workerId: string },
  state: unknown,
): Promise<boolean> {
  const { count } = await db.client.connection.updateMany({
    where: { id, sessionOwnerId: workerId },
    data: { state: box.seal(JSON.stringify(state), stateAad(id)) },
  });
  return count > 0;
}
