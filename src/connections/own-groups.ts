import type { Database, Executor } from '../database/client.ts';
import { deleteRateLimits, moveRateLimit } from '../queue/move-group.ts';
import type { ConnectionRef } from './connection.ts';
import { toConnectionGroupKey, toProviderGroupKey } from './queue-group.ts';

/** Locks the connections of a provider until the transaction ends, so that two changes of their number, order or default can't interleave. */
export async function lockProvider(tx: Executor, { locationId, providerKey }: ConnectionRef): Promise<void> {
  await tx.$executeRaw`SELECT pg_advisory_xact_lock(hashtextextended(${`connections/${locationId}/${providerKey}`}, 0))`;
}

/**
 * Gives each connection of a provider a group of its own where messages are routed: with a second connection, a policy or settings of a
 * sender. Otherwise the only connection has the provider's group again, and its messages are sent without a further step. The limits and
 * pauses move along; a waiting job finds its group when it runs. The caller holds {@link lockProvider}.
 */
export async function arrangeGroups(tx: Executor, { locationId, providerKey }: ConnectionRef, now: Date): Promise<void> {
  const rows = await tx.connection.findMany({ where: { locationId, providerKey } });
  const hasOwnGroup = rows.length > 1 || (await hasRules(tx, { locationId, providerKey }, rows));
  for (const row of rows) {
    if (row.hasOwnGroup === hasOwnGroup) continue;
    await moveRateLimit(tx, toConnectionGroupKey(row), toConnectionGroupKey({ ...row, hasOwnGroup }));
    await tx.connection.update({ where: { id: row.id }, data: { hasOwnGroup, updatedAt: now } });
  }
}

async function hasRules(tx: Executor, ref: ConnectionRef, rows: readonly { id: string }[]): Promise<boolean> {
  if ((await tx.routingPolicy.count({ where: { ...ref } })) > 0) return true;
  return (await tx.senderSettings.count({ where: { connectionId: { in: rows.map(({ id }) => id) } } })) > 0;
}

/**
 * Frees the groups of providers whose connections have groups of their own. A process that read a connection before it got its group may have
 * paused the provider's, or taken it for a session.
 */
export async function freeProviderGroups({ db }: { db: Database }): Promise<void> {
  const rows = await db.client.connection.findMany({
    where: { hasOwnGroup: true },
    distinct: ['locationId', 'providerKey'],
    select: { locationId: true, providerKey: true },
  });
  if (rows.length > 0) await deleteRateLimits(db.client, rows.map(toProviderGroupKey));
}
