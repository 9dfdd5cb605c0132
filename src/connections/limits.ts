import type { Channel } from '../channels/channel.ts';
import { parseDeliverySettings } from '../channels/delivery-settings.ts';
import type { Channels } from '../channels/registry.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import { limitPerSecond } from '../core/gcra.ts';
import type { SecretBox } from '../core/secret-box.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import { type GroupLimits, setGroupLimits } from '../queue/rate-limits.ts';
import { toConnectionGroupKey } from './queue-group.ts';
import { configAad } from './sealed-config.ts';

export interface RestoreLimitsDeps {
  db: Database;
  box: SecretBox;
  clock: Clock;
  channels: Channels;
}

/** Returns the limits that a connection's config, or else its channel, sets for its group in the queue. */
export function toGroupLimits(config: object, channel: Pick<Channel, 'defaultDelivery'> | undefined): GroupLimits {
  const { ratePerSecond, concurrency = null } = parseDeliverySettings(config, channel?.defaultDelivery);
  const rateLimit = ratePerSecond === undefined ? { intervalMs: null, burst: null } : limitPerSecond(ratePerSecond);
  return { ...rateLimit, concurrency };
}

const restoreBatchSize = 200;

/** Restores the limits of connections that an earlier version of the program deleted when their group had been idle for long. */
export async function restoreGroupLimits(deps: RestoreLimitsDeps): Promise<void> {
  const { client } = deps.db;
  let lastId: string | undefined;
  do {
    const rows = await client.connection.findMany({
      where: { disabledAt: null, ...(lastId ? { id: { gt: lastId } } : {}) },
      orderBy: { id: 'asc' },
      take: restoreBatchSize,
    });
    const limited = { OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }] };
    const rateLimits = await client.rateLimitRow.findMany({
      where: { key: { in: rows.map(toConnectionGroupKey) }, ...limited },
    });
    const limitedKeys = new Set(rateLimits.map(({ key }) => key));
    const isLimited = (row: ConnectionRow) => readGroupLimits(deps, row) !== null;
    for (const row of rows)
      if (!limitedKeys.has(toConnectionGroupKey(row)) && isLimited(row)) await restoreConnectionLimits(deps, row);
    lastId = rows.length < restoreBatchSize ? undefined : rows.at(-1)?.id;
  } while (lastId);
}

async function restoreConnectionLimits(deps: RestoreLimitsDeps, { id }: ConnectionRow) {
  const { db, clock } = deps;
  await db.transaction(async (tx) => {
    // `connect` locks the row too, so a change of the config and this cannot interleave.
    await tx.$queryRaw`SELECT 1 FROM connections WHERE id = ${id}::uuid FOR UPDATE`;
    const row = await tx.connection.findUnique({ where: { id } });
    const limits = row && readGroupLimits(deps, row);
    if (limits) await setGroupLimits(tx, toConnectionGroupKey(row), limits, dateNow(clock));
  });
}

/** @returns null without limits, and for a config that no key opens: a use of the connection reports that */
function readGroupLimits({ box, channels }: RestoreLimitsDeps, row: ConnectionRow): GroupLimits | null {
  try {
    const limits = toGroupLimits(JSON.parse(box.open(row.config, configAad(row.id))), channels.get(row.type));
    return limits.intervalMs === null && limits.concurrency === null ? null : limits;
  } catch (error) {
    if (isAppError(error, 'secret_unreadable')) return null;
    throw error;
  }
}
