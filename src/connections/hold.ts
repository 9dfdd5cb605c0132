import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { pause, resumeWhere } from '../queue/rate-limits.ts';
import type { Connection } from './connection.ts';
import { toConnectionGroupKey } from './queue-group.ts';

export interface HoldDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** Code of the pause of a held connection's group. */
export const holdPauseCode = 'connection_held';

/** Longer than the time between two checks of a held connection, each of which renews the pause. */
export const holdPauseMs = 26 * 60 * 60 * 1000;
const firstCheckDelayMs = 60_000;

/**
 * Holds a connection whose vendor refuses the account or its credentials: its messages wait. A check finds out when the vendor accepts it
 * again. A connection that was changed since it was read is not held: its new config may be right.
 */
export async function holdConnection(
  { db, clock, newId }: HoldDeps,
  connection: Pick<Connection, 'id' | 'locationId' | 'providerKey' | 'updatedAt'>,
  reason: { code: string; message: string },
): Promise<void> {
  const now = dateNow(clock);
  const { id, locationId, providerKey, updatedAt } = connection;
  const { count } = await db.transaction(async (tx) => {
    const held = await tx.connection.updateMany({
      where: { id, updatedAt, status: { not: 'held' } },
      data: {
        status: 'held',
        statusCode: reason.code,
        statusReason: reason.message,
        statusChangedAt: now,
        checkDueAt: new Date(now.getTime() + firstCheckDelayMs),
        checkFailureCount: 0,
      },
    });
    if (held.count > 0) {
      const details = `${providerKey}: ${reason.message}`;
      await audit(tx, { clock, newId }, { actor: 'patchbay', action: 'connection_held', locationId, providerKey, details });
    }
    return held;
  });
  const until = new Date(now.getTime() + holdPauseMs);
  const isHeld = count > 0 || (await db.client.connection.count({ where: { id, status: 'held' } })) > 0;
  if (isHeld)
    await pause({ db, clock }, toConnectionGroupKey(connection), until, { code: holdPauseCode, message: reason.message });
}

/** Ends the hold of a connection: its messages are sent. @returns false when it was not held */
export async function resumeConnection(
  { db, clock, newId }: HoldDeps,
  connection: Pick<Connection, 'id' | 'locationId' | 'providerKey'>,
  actor: Actor,
): Promise<boolean> {
  const now = dateNow(clock);
  const { id, locationId, providerKey } = connection;
  const { count } = await db.transaction(async (tx) => {
    const resumed = await tx.connection.updateMany({
      where: { id, status: 'held' },
      data: {
        status: 'active',
        statusCode: null,
        statusReason: null,
        statusChangedAt: now,
        checkDueAt: now,
        checkFailureCount: 0,
      },
    });
    if (resumed.count > 0) {
      await audit(
        tx,
        { clock, newId },
        { actor, action: 'connection_resumed', locationId, providerKey, details: `${providerKey}.` },
      );
    }
    return resumed;
  });
  await resumeWhere({ db }, toConnectionGroupKey(connection), [holdPauseCode]);
  return count > 0;
}
