import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { freeGroups } from '../queue/group-owner.ts';
import type { CallVendorDeps } from './call-vendor.ts';
import type { Connection, ConnectionRef } from './connection.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { connectionAadPrefix } from './sealed-config.ts';
import { unregisterWebhooks } from './unregister-webhooks.ts';

export type RemoveDeps = CallVendorDeps & {
  db: Database;
  box: SecretBox;
  clock: Clock;
  newId: NewId;
  decryptConnection(row: ConnectionRow): Connection;
};

/** Deletes the connection of a location for a provider. @returns false when there is no such connection */
export async function disconnect(deps: RemoveDeps, { locationId, providerKey }: ConnectionRef, actor: Actor): Promise<boolean> {
  const rows = await deps.db.client.connection.findMany({ where: { locationId, providerKey, disabledAt: null } });
  await unregisterAll(deps, rows);
  const count = await deps.db.transaction(async (tx) => {
    const deleted = await tx.connection.deleteMany({ where: { locationId, providerKey, disabledAt: null } });
    if (deleted.count > 0) {
      await freeGroups(tx, [toConnectionGroupKey({ locationId, providerKey })]);
      await audit(
        tx,
        { clock: deps.clock, newId: deps.newId },
        { actor, action: 'channel_disconnected', locationId, providerKey, details: `${providerKey}.` },
      );
    }
    return deleted.count;
  });
  for (const { id } of rows) deps.box.evict(connectionAadPrefix(id));
  return count > 0;
}

/** Enables a location's connections again, which its uninstall disabled. */
export async function enableConnections(tx: Executor, locationId: string): Promise<void> {
  await tx.connection.updateMany({ where: { locationId }, data: { disabledAt: null } });
}

/** Removes a location's connections after its uninstall. @param isKept disables them instead, for a later reinstall */
export async function removeConnections(deps: RemoveDeps, locationId: string, isKept: boolean): Promise<void> {
  const { connection } = deps.db.client;
  const rows = await connection.findMany({ where: { locationId } });
  if (isKept) {
    await connection.updateMany({ where: { locationId, disabledAt: null }, data: { disabledAt: dateNow(deps.clock) } });
  } else {
    await unregisterAll(deps, rows);
    await connection.deleteMany({ where: { locationId } });
  }
  // Without a connection their jobs find that out in any process.
  await freeGroups(deps.db.client, rows.map(toConnectionGroupKey));
  for (const { id } of rows) deps.box.evict(connectionAadPrefix(id));
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
    await connection.deleteMany({ where: { ...where, id: { in: rows.map(({ id }) => id) } } });
    for (const { id } of rows) deps.box.evict(connectionAadPrefix(id));
  }
}

async function unregisterAll(deps: RemoveDeps, rows: readonly ConnectionRow[]): Promise<void> {
  await Promise.all(
    rows.map(async (row) => {
      const connection = decryptIfPossible(deps, row);
      if (connection) await unregisterWebhooks(deps, connection);
    }),
  );
}

/** @returns null when its key or its channel is missing: it is deleted all the same */
function decryptIfPossible({ decryptConnection }: RemoveDeps, row: ConnectionRow): Connection | null {
  try {
    return decryptConnection(row);
  } catch (error) {
    if (isAppError(error, 'secret_unreadable', 'request_invalid')) return null;
    throw error;
  }
}
