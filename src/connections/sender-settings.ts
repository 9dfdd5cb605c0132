import * as z from 'zod';
import { type Actor, audit } from '../audit/audit-log.ts';
import { deliverySettings, type SendingWindow } from '../channels/delivery-settings.ts';
import { maxChars } from '../core/bounds.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { type Database, type Executor, Prisma, type SenderSettings as SenderRow } from '../database/client.ts';
import type { Connection } from './connection.ts';
import { arrangeGroups, lockProvider } from './own-groups.ts';

/** Most senders of one connection that have settings of their own. */
const maxSenders = 500;

/** Settings of one sender: they hold beside those of its connection. */
export const senderSettings = z.object({
  ratePerSecond: deliverySettings.ratePerSecond.nullable().default(null),
  dailyCap: deliverySettings.dailyCap.nullable().default(null),
  sendingWindow: deliverySettings.sendingWindow.nullable().default(null),
  isPaused: z.boolean().default(false).describe('A paused sender sends nothing.'),
});

export type SenderSettings = z.output<typeof senderSettings>;

/** A sender with settings of its own. */
export interface ConfiguredSender extends SenderSettings {
  readonly connectionId: string;
  readonly address: string;
}

/** Lists the senders of connections that have settings of their own, by address. */
export async function listSenderSettings(on: Executor, connectionIds: readonly string[]): Promise<ConfiguredSender[]> {
  const rows = await on.senderSettings.findMany({
    where: { connectionId: { in: [...connectionIds] } },
    orderBy: { address: 'asc' },
  });
  return rows.map(toSettings);
}

function toSettings({ connectionId, address, ratePerSecond, dailyCap, sendingWindow, pausedAt }: SenderRow): ConfiguredSender {
  const window = sendingWindow as SendingWindow | null;
  return { connectionId, address, ratePerSecond, dailyCap, sendingWindow: window, isPaused: pausedAt !== null };
}

export interface SetSenderDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** Stores the settings of a sender; without any the row is deleted. @throws AppError `conflict`: there are too many */
export async function setSenderSettings(
  deps: SetSenderDeps,
  { id, locationId, providerKey }: Pick<Connection, 'id' | 'locationId' | 'providerKey'>,
  address: string,
  settings: SenderSettings,
  actor: Actor,
): Promise<void> {
  if (address.length > maxChars.address) throw new AppError('request_invalid', 'This address is too long.');
  const now = dateNow(deps.clock);
  const { ratePerSecond = null, dailyCap = null, sendingWindow = null, isPaused } = settings;
  const key = { connectionId: id, address };
  await deps.db.transaction(async (tx) => {
    await lockProvider(tx, { locationId, providerKey });
    const before = await tx.senderSettings.findUnique({ where: { connectionId_address: key } });
    if (ratePerSecond === null && dailyCap === null && sendingWindow === null && !isPaused) {
      await tx.senderSettings.deleteMany({ where: key });
    } else {
      const count = before ? 0 : await tx.senderSettings.count({ where: { connectionId: id } });
      if (count >= maxSenders) throw new AppError('conflict', `At most ${maxSenders} senders have settings of their own.`);
      const data = {
        ratePerSecond,
        dailyCap,
        sendingWindow: sendingWindow ?? Prisma.DbNull,
        pausedAt: isPaused ? (before?.pausedAt ?? now) : null,
        updatedAt: now,
      };
      await tx.senderSettings.upsert({ where: { connectionId_address: key }, create: { ...key, ...data }, update: data });
    }
    await arrangeGroups(tx, { locationId, providerKey }, now);
    const details = `${address}: settings of the sender.`;
    await audit(
      tx,
      { clock: deps.clock, newId: deps.newId },
      { actor, action: 'connection_arranged', locationId, providerKey, details },
    );
  });
}
