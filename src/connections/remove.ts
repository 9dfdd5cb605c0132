import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { freeGroups } from '../queue/group-owner.ts';
import { deleteRateLimits } from '../queue/move-group.ts';
import type { CallVendorDeps } from './call-vendor.ts';
import type { Connection, ConnectionRef, ConnectionTarget } from './connection.ts';
import { decryptIfPossible, findTargetRow } from './find.ts';
import { arrangeGroups, lockProvider } from './own-groups.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { connectionAadPrefix } from './sealed-config.ts';
import { makeDefault } from './store-connection.ts';
import { unregisterWebhooks } from './unregister-webhooks.ts';

export type RemoveDeps = CallVendorDeps & {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  decryptConnection(row: ConnectionRow): Connection;
};

/**
 * Deletes a connection. The next one in the order takes the place of a default one; a rule that names the deleted one matches no message.
 *
 * @returns false when there is no such connection
 */
export async function disconnect(deps: RemoveDeps, target: ConnectionTarget, actor: Actor): Promise<boolean> {
  const { locationId, providerKey } = target;
  const ref = { locationId, providerKey };
  const row = await findTargetRow(deps.db.client, target);
  if (!row || row.disabledAt) return false;
  await unregisterAll(deps, [row]);
  const isDeleted = await deps.db.transaction(async (tx) => {
    await lockProvider(tx, ref);
    const { count } = await tx.connection.deleteMany({ where: { id: row.id, disabledAt: null } });
    if (count === 0) return false;
    const now = dateNow(deps.clock);
    await tx.senderSettings.deleteMany({ where: { connectionId: row.id } });
    // Its waiting jobs then run, and are sent elsewhere or fail visibly.
    if (row.hasOwnGroup) await deleteRateLimits(tx, [toConnectionGroupKey(row)]);
    else await freeGroups(tx, [toConnectionGroupKey(row)]);
    await promoteNext(tx, ref);
    await arrangeGroups(tx, ref, now);
    const details = [`${providerKey}.`, row.name].filter(Boolean).join(' ');
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      { actor, action: 'channel_disconnected', locationId, providerKey, details },
    );
    return true;
  });
  deps.box.evict(connectionAadPrefix(row.id));
  return isDeleted;
}

/** Makes the first connection the default one where none is. A policy without any connection ends. */
async function promoteNext(tx: Executor, ref: ConnectionRef): Promise<void> {
  const rows = await tx.connection.findMany({ where: { ...ref }, orderBy: [{ position: 'asc' }, { id: 'asc' }] });
  const [first] = rows;
  if (!first) await tx.routingPolicy.deleteMany({ where: { ...ref } });
  else if (!rows.some(({ isDefault }) => isDefault)) await makeDefault(tx, first);
}

/** Enables a location's connections again, which its uninstall disabled. */
export async function enableConnections(tx: Executor, locationId: string): Promise<void> {
  await tx.connection.updateMany({ where: { locationId }, data: { disabledAt: null } });
}

/** Removes a location's connections after its uninstall. @param isKept disables them instead, for a later reinstall */
export async function removeConnections(deps: RemoveDeps, locationId: string, isKept: boolean): Promise<void> {
  const { connection } = deps.db.client;
  const rows = await connection.findMany({ where: { locationId } });
  const ids = rows.map(({ id }) => id);
  if (isKept) {
    await connection.updateMany({ where: { locationId, disabledAt: null }, data: { disabledAt: dateNow(deps.clock) } });
  } else {
    await unregisterAll(deps, rows);
    // Not those that a reinstall has added while vendors were asked.
    await connection.deleteMany({ where: { id: { in: ids } } });
    await deps.db.client.senderSettings.deleteMany({ where: { connectionId: { in: ids } } });
    if ((await connection.count({ where: { locationId } })) === 0) {
      await deps.db.client.routingPolicy.deleteMany({ where: { locationId } });
    }
  }
  // Without a connection their jobs find that out in any process.
  await freeGroups(deps.db.client, rows.map(toConnectionGroupKey));
  for (const id of ids) deps.box.evict(connectionAadPrefix(id));
}

const purgeBatchSize = 20;

/** Deletes the connections of locations that were uninstalled before a time and were not installed again. */
export async function purgeDisabledConnections(deps: RemoveDeps, before: Date): Promise<void> {
  const { connection } = deps.db.client;
  const where = { disabledAt: { lt: before } };
  for (;;) {
    const rows = await connection.findMany({ where, take: purgeBatchSize });
    if (rows.length === 0) return;
    await unregisterAll(deps, rows);
    const ids = rows.map(({ id }) => id);
    await connection.deleteMany({ where: { ...where, id: { in: ids } } });
    await deps.db.client.senderSettings.deleteMany({ where: { connectionId: { in: ids } } });
    for (const { locationId, providerKey } of rows) {
      const isLast = (await connection.count({ where: { locationId, providerKey } })) === 0;
      if (isLast) await deps.db.client.routingPolicy.deleteMany({ where: { locationId, providerKey } });
    }
    for (const { id } of rows) deps.box.evict(connectionAadPrefix(id));
  }
}

async function unregisterAll(deps: RemoveDeps, rows: readonly ConnectionRow[]): Promise<void> {
  await Promise.all(
    rows.map(async (row) => {
      // One that this process can't read is deleted all the same.
      const connection = decryptIfPossible(deps.decryptConnection, row);
      if (connection) await unregisterWebhooks(deps, connection);
    }),
  );
}
