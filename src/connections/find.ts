import { listConnectionEntries } from '../audit/audit-log.ts';
import type { Channels } from '../channels/registry.ts';
import { AppError, isAppError } from '../core/errors.ts';
import { type Connection as ConnectionRow, type Database, type Executor, Prisma } from '../database/client.ts';
import { type JsonForms, queryJsonRows, toSelectList } from '../database/json-rows.ts';
import { recordset } from '../database/recordset.ts';
import { createLoader } from '../runtime/batcher.ts';
import type { Connection, ConnectionRef, ConnectionTarget } from './connection.ts';

export interface FindConnectionDeps {
  db: Database;
  decryptConnection(row: ConnectionRow): Connection;
}

/** Finds a connection of a location for a provider: the default one, unless the target names another. @throws AppError as `decryptConnection` */
export async function findConnection(deps: FindConnectionDeps, target: ConnectionTarget): Promise<Connection | null> {
  const row = await findTargetRow(deps.db.client, target);
  return row === null || row.disabledAt ? null : deps.decryptConnection(row);
}

/** Finds the stored row of a target, also while it is disabled. @returns null where it does not exist yet */
export function findTargetRow(
  on: Executor,
  { locationId, providerKey, connectionId: id }: ConnectionTarget,
): Promise<ConnectionRow | null> {
  const chosen = id === undefined ? { isDefault: true } : { id };
  return on.connection.findFirst({ where: { locationId, providerKey, ...chosen } });
}

/** @throws AppError `not_found`; others as `decryptConnection` */
export async function getConnection(deps: FindConnectionDeps, id: string): Promise<Connection> {
  const row = await deps.db.client.connection.findUnique({ where: { id, disabledAt: null } });
  if (!row) throw new AppError('not_found', 'There is no such connection.');
  return deps.decryptConnection(row);
}

/** Order of a provider's connections. */
const inOrder = [{ position: 'asc' }, { id: 'asc' }] as const;

/** Lists a location's connections in their order. @throws AppError as `decryptConnection` */
export async function listConnections(deps: FindConnectionDeps, locationId: string): Promise<Connection[]> {
  const rows = await deps.db.client.connection.findMany({
    where: { locationId, disabledAt: null },
    orderBy: [{ providerKey: 'asc' }, ...inOrder],
  });
  return rows.map((row) => deps.decryptConnection(row));
}

/**
 * Lists a provider's connections in their order, without those that this process can't use, as their channel or the key of their secrets is
 * missing.
 */
export async function listUsableConnections(
  deps: FindConnectionDeps,
  { locationId, providerKey }: ConnectionRef,
): Promise<Connection[]> {
  const where = { locationId, providerKey, disabledAt: null };
  const rows = await deps.db.client.connection.findMany({ where, orderBy: [...inOrder] });
  return rows.flatMap((row) => decryptIfPossible(deps.decryptConnection, row) ?? []);
}

/** Decrypts a stored connection. @returns null when its channel or the key of its secrets is missing */
export function decryptIfPossible(
  decryptConnection: FindConnectionDeps['decryptConnection'],
  row: ConnectionRow,
): Connection | null {
  try {
    return decryptConnection(row);
  } catch (error) {
    if (isAppError(error, 'secret_unreadable', 'request_invalid')) return null;
    throw error;
  }
}

/** Loads the stored connections of a provider in their order, null for none; concurrent calls share one statement. */
export type ConnectionLoader = (ref: ConnectionRef) => Promise<readonly ConnectionRow[] | null>;

/** Creates the loader of stored connections. */
export function createConnectionLoader(db: Database): ConnectionLoader {
  return createLoader(keyOf, async (refs) => {
    const keys = refs.map(({ locationId, providerKey }) => ({ locationId, providerKey }));
    const rows = await queryJsonRows<ConnectionRow>(db.client, connectionsSql, [JSON.stringify(keys)], forms);
    return Map.groupBy(rows, keyOf);
  });
}

const connectionsSql = `
  SELECT ${toSelectList(Object.values(Prisma.ConnectionScalarFieldEnum), 'c')}
  FROM ${recordset('$1', { locationId: 'text', providerKey: 'text' }, 'key')}
  JOIN connections AS c ON c.location_id = key."locationId" AND c.provider_key = key."providerKey"
  WHERE c.disabled_at IS NULL
  ORDER BY c.position, c.id`;

const forms: JsonForms<ConnectionRow> = {
  ...{ pausedAt: 'time', previousConfigExpiresAt: 'time', statusChangedAt: 'time', checkDueAt: 'time', setupDueAt: 'time' },
  ...{ sessionLeaseUntil: 'time', disabledAt: 'time', createdAt: 'time', updatedAt: 'time' },
};

function keyOf({ locationId, providerKey }: ConnectionRef): string {
  return `${locationId}/${providerKey}`;
}

/** Lists the disconnects that a user or an operator made since then. Channels that an uninstall removed are not among them. */
export function listDisconnects(on: Executor, since: Date): Promise<ConnectionRef[]> {
  return listConnectionEntries(on, 'channel_disconnected', since);
}

/** Lists the active connections whose channel can be asked for the state of a message. */
export function listReceiptLookUps({
  db,
  channels,
}: {
  db: Database;
  channels: Channels;
}): Promise<{ id: string; locationId: string }[]> {
  const types = [...channels.values()].flatMap(({ type, lookUpReceipt }) => (lookUpReceipt ? type : []));
  return db.client.connection.findMany({
    where: { type: { in: types }, status: 'active', disabledAt: null },
    select: { id: true, locationId: true },
  });
}

/** Finds the channel type of a connection, also of one that an uninstall has disabled; null for one that is gone. */
export async function findChannelType({ db }: { db: Database }, id: string): Promise<string | null> {
  const row = await db.client.connection.findUnique({ where: { id }, select: { type: true } });
  return row?.type ?? null;
}
