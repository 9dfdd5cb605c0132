import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import type { Connection as ConnectionRow, Database, Executor } from '../database/client.ts';
import { pause, resumeWhere } from '../queue/rate-limits.ts';
import type { ConfigInput } from './check-config.ts';
import { type ConnectDeps, type ConnectOptions, connect, tryConnect } from './connect.ts';
import type { Connection, ConnectionRef } from './connection.ts';
import { pauseMessages } from './hold.ts';
import { lockProvider } from './own-groups.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { makeDefault } from './store-connection.ts';

/** Most connections of one provider in a location. */
const maxConnections = 50;

/** Code of the pause of a connection that a person has paused. */
const pausedCode = 'connection_paused';
const pausedText = 'A person has paused this connection. Its messages are sent once it is resumed.';
/** A pause of a person's ends with a person. */
const personalPauseMs = 10 * 365 * 24 * 60 * 60 * 1000;

/** Adds a connection to those of a provider, once its vendor accepts the config. @throws AppError as `connect`; `conflict`: there are too many */
export const addConnection = toAdd(connect);

/** Adds a connection as {@link addConnection} does, and returns what is wrong with the config. @throws AppError `conflict`, `request_invalid` */
export const tryAddConnection = toAdd(tryConnect);

function toAdd<Result>(
  add: (
    ...args: [ConnectDeps, ConnectionRef & { connectionId: string }, ConfigInput, Actor, ConnectOptions?]
  ) => Promise<Result>,
) {
  return async (deps: ConnectDeps, ref: ConnectionRef, input: ConfigInput, actor: Actor, options?: ConnectOptions) => {
    await requireRoom(deps, ref);
    return add(deps, { ...ref, connectionId: deps.newId() }, input, actor, options);
  };
}

async function requireRoom({ db }: Pick<ConnectDeps, 'db'>, { locationId, providerKey }: ConnectionRef): Promise<void> {
  const count = await db.client.connection.count({ where: { locationId, providerKey } });
  if (count >= maxConnections) throw new AppError('conflict', `A provider has at most ${maxConnections} connections.`);
}

/** Changes of a connection that its vendor has no say in; undefined for no change. */
export interface Arrangement {
  readonly name?: string | null | undefined;
  /** Only true has an effect: another connection becomes the default one by itself. */
  readonly isDefault?: boolean | undefined;
  /** Place among the connections of the provider, from 0. */
  readonly position?: number | undefined;
  readonly isPaused?: boolean | undefined;
}

export interface ArrangeDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  decryptConnection(row: ConnectionRow): Connection;
}

/** Names, orders, pauses or resumes a connection, or makes it the default one. @throws AppError `not_found` when it is gone */
export async function arrangeConnection(
  deps: ArrangeDeps,
  { id, locationId, providerKey }: Pick<Connection, 'id' | 'locationId' | 'providerKey'>,
  { name, isDefault, position, isPaused }: Arrangement,
  actor: Actor,
): Promise<Connection> {
  const now = dateNow(deps.clock);
  const ref = { locationId, providerKey };
  const row = await deps.db.transaction(async (tx) => {
    await lockProvider(tx, ref);
    const before = await tx.connection.findUnique({ where: { id } });
    if (!before) throw new AppError('not_found', 'There is no such connection.');
    if (isDefault) await makeDefault(tx, { ...ref, id });
    if (position !== undefined) await moveTo(tx, ref, id, position);
    const pausedAt = isPaused === undefined ? before.pausedAt : isPaused ? (before.pausedAt ?? now) : null;
    const after = await tx.connection.update({
      where: { id },
      data: { ...(name === undefined ? {} : { name }), pausedAt, updatedAt: now },
    });
    const details = describe(before, after);
    if (details)
      await audit(
        tx,
        { clock: deps.clock, newId: deps.newId },
        { actor, action: 'connection_arranged', locationId, providerKey, details },
      );
    return after;
  });
  if (isPaused !== undefined) await applyPause(deps, row);
  return deps.decryptConnection(row);
}

async function moveTo(tx: Executor, ref: ConnectionRef, id: string, position: number): Promise<void> {
  const rows = await tx.connection.findMany({
    where: { ...ref },
    orderBy: [{ position: 'asc' }, { id: 'asc' }],
    select: { id: true },
  });
  const ids = rows.map((row) => row.id).filter((other) => other !== id);
  ids.splice(position, 0, id);
  for (const [index, each] of ids.entries()) await tx.connection.update({ where: { id: each }, data: { position: index } });
}

/** Pauses the messages of a connection that a person has paused; otherwise lets them be sent, unless the vendor holds it. */
async function applyPause(deps: ArrangeDeps, row: ConnectionRow): Promise<void> {
  const key = toConnectionGroupKey(row);
  if (row.pausedAt) {
    const until = new Date(deps.clock.now() + personalPauseMs);
    await pause(deps, key, until, { code: pausedCode, message: pausedText });
    return;
  }
  await resumeWhere(deps, key, [pausedCode]);
  if (row.status !== 'active') await pauseMessages(deps, row, row.statusReason ?? '');
}

function describe(before: ConnectionRow, after: ConnectionRow): string {
  const name = after.name ?? after.providerKey;
  return [
    before.name === after.name ? null : `${before.name ?? 'unnamed'} is now ${name}.`,
    before.isDefault === after.isDefault ? null : `${name} is the default.`,
    before.position === after.position ? null : `${name} is at place ${after.position + 1}.`,
    (before.pausedAt === null) === (after.pausedAt === null) ? null : `${name} is ${after.pausedAt ? 'paused' : 'resumed'}.`,
  ]
    .filter(Boolean)
    .join(' ');
}
