import type { Channels } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';

/** An active connection whose first receipts usually come within a time. */
export interface WatchedConnection {
  readonly id: string;
  readonly type: string;
  readonly receiptWithinMs: number;
}

/** Lists the active connections whose channel names the time within which a first receipt comes. */
export async function listSilenceWatches({ db, channels }: { db: Database; channels: Channels }): Promise<WatchedConnection[]> {
  const times = new Map(
    [...channels.values()].flatMap(({ type, capabilities: { receiptWithinMs } }) =>
      receiptWithinMs === undefined ? [] : [[type, receiptWithinMs] as const],
    ),
  );
  const rows = await db.client.connection.findMany({
    where: { type: { in: [...times.keys()] }, status: 'active', disabledAt: null },
    select: { id: true, type: true },
  });
  return rows.map(({ id, type }) => ({ id, type, receiptWithinMs: times.get(type) as number }));
}

/** Has the vendors of active connections asked now instead of at their next check. A connection without checks is left alone. */
export async function requestChecks({ db, clock }: { db: Database; clock: Clock }, ids: readonly string[]): Promise<void> {
  const now = dateNow(clock);
  await db.client.connection.updateMany({
    where: { id: { in: [...ids] }, status: 'active', disabledAt: null, checkDueAt: { gt: now } },
    data: { checkDueAt: now },
  });
}
