import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import { recordEvent } from '../outbox/record-events.ts';
import { pause, resumeWhere } from '../queue/rate-limits.ts';
import type { Connection } from './connection.ts';
import { type GroupOwner, toConnectionGroupKey } from './queue-group.ts';
import { redactSecrets } from './redact-secrets.ts';

export interface HoldDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** Code of the pause of a held connection's group. */
const holdPauseCode = 'connection_held';

/** Longer than the time between two checks of a held connection, each of which renews the pause. */
export const holdPauseMs = 26 * 60 * 60 * 1000;
const firstCheckDelayMs = 60_000;

/**
 * Holds a connection whose vendor refuses the account or its credentials: its messages wait. A check finds out when the vendor accepts it
 * again. A connection that was changed since it was read is not held: its new config may be right.
 */
export async function holdConnection(
  { db, clock, newId }: HoldDeps,
  connection: Connection,
  reason: { code: string; message: string },
): Promise<void> {
  const now = dateNow(clock);
  const { id, locationId, providerKey, updatedAt } = connection;
  const message = redactSecrets(connection, reason.message);
  const { count } = await db.transaction(async (tx) => {
    const held = await tx.connection.updateMany({
      where: { id, updatedAt, status: { not: 'held' } },
      data: {
        status: 'held',
        statusCode: reason.code,
        statusReason: message,
        statusChangedAt: now,
        checkDueAt: new Date(now.getTime() + firstCheckDelayMs),
        checkFailureCount: 0,
      },
    });
    if (held.count > 0) {
      const details = `${providerKey}: ${message}`;
      await audit(tx, { clock, newId }, { actor: 'patchbay', action: 'connection_held', locationId, providerKey, details });
      const facts = { providerKey, reasonCode: reason.code, reason: message };
      await recordEvent(tx, { kind: 'channel_held', locationId, connectionId: id, facts }, now);
    }
    return held;
  });
  const isHeld = count > 0 || (await db.client.connection.count({ where: { id, status: 'held' } })) > 0;
  if (isHeld) await pauseMessages({ db, clock }, connection, message);
}

/** Reason of a connection that waits for a person to pair a device. */
export const pairingReason = {
  code: 'pairing_required',
  message: 'A person still has to pair a device, or to finish the sign-in, at the vendor.',
};

/** Lets a connection's messages wait until a person has paired a device. A connection that was changed since it was read is left alone. */
export async function awaitPairing(
  deps: Pick<HoldDeps, 'db' | 'clock'>,
  connection: GroupOwner & Pick<Connection, 'updatedAt'>,
): Promise<void> {
  const { id, updatedAt } = connection;
  const { code, message } = pairingReason;
  const data = { status: 'pairing', statusCode: code, statusReason: message, statusChangedAt: dateNow(deps.clock) } as const;
  await deps.db.client.connection.updateMany({ where: { id, updatedAt, status: { not: 'pairing' } }, data });
  const isPairing = (await deps.db.client.connection.count({ where: { id, status: 'pairing' } })) > 0;
  if (isPairing) await pauseMessages(deps, connection, message);
}

/** Pauses the messages of a connection, or prolongs their pause. */
export async function pauseMessages(
  deps: Pick<HoldDeps, 'db' | 'clock'>,
  connection: GroupOwner,
  message: string,
): Promise<void> {
  const until = new Date(deps.clock.now() + holdPauseMs);
  await pause(deps, toConnectionGroupKey(connection), until, { code: holdPauseCode, message });
}

/** Ends the hold of a connection, or its wait for a pairing: its messages are sent. @returns false when they did not wait */
export async function resumeConnection({ db, clock, newId }: HoldDeps, connection: GroupOwner, actor: Actor): Promise<boolean> {
  const now = dateNow(clock);
  const { id, locationId, providerKey } = connection;
  const { count } = await db.transaction(async (tx) => {
    const resumed = await tx.connection.updateMany({
      where: { id, status: { in: ['held', 'pairing'] } },
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
      await recordEvent(tx, { kind: 'channel_resumed', locationId, connectionId: id, facts: { providerKey } }, now);
    }
    return resumed;
  });
  await resumeWhere({ db }, toConnectionGroupKey(connection), [holdPauseCode]);
  return count > 0;
}
