import type { ChannelContext, ReceiptContent } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { minIdAt } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import type { Log } from '../../runtime/log.ts';

export interface PollReceiptsDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** Lists the active connections whose channel can be asked. */
  listReceiptLookUps(): Promise<readonly ConnectionPlace[]>;
  /** @throws AppError `not_found`, `request_invalid`, `secret_unreadable` */
  getConnection(id: string): Promise<Connection>;
  createChannelContext(connection: Connection, signal: AbortSignal): ChannelContext<object>;
  recordReceipt(connection: { id: string }, receipt: ReceiptContent): Promise<void>;
}

const intervalMs = 15 * 60 * 1000;
const hourMs = 60 * 60 * 1000;
/** Later than vendors try to deliver. */
const maxAgeMs = 3 * 24 * hourMs;
/** Bounds the calls of one run to each connection. */
const maxPerConnection = 50;

/** Aborts never: a run ends within the time-outs of its calls. */
const { signal } = new AbortController();

/**
 * Asks vendors for the state of messages that they have accepted long ago and never reported: their webhooks may have been lost while this
 * program could not be reached. Each message is asked about after 1, 2, 4, ... hours.
 *
 * @returns 0: the next run is due in a quarter of an hour
 */
export async function pollReceipts(deps: PollReceiptsDeps): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'poll_receipts', intervalMs))) return 0;
  const due = await findSilentSends(deps.db.client, await deps.listReceiptLookUps(), dateNow(deps.clock));
  for (const [connectionId, sends] of Map.groupBy(due, (send) => send.connectionId)) {
    await pollConnection(deps, connectionId, sends).catch((err: unknown) => {
      if (!isAppError(err)) throw err;
      deps.log.warn({ err, connectionId }, 'receipts could not be looked up');
    });
  }
  return 0;
}

async function pollConnection(deps: PollReceiptsDeps, connectionId: string, sends: readonly SilentSend[]): Promise<void> {
  const connection = await deps.getConnection(connectionId);
  const context = deps.createChannelContext(connection, signal);
  for (const { externalId } of sends) {
    const receipt = await connection.channel.lookUpReceipt?.(context, externalId);
    if (receipt) await deps.recordReceipt(connection, receipt);
  }
}

/** A connection and its location. */
export interface ConnectionPlace {
  readonly id: string;
  readonly locationId: string;
}

interface SilentSend {
  readonly connectionId: string;
  readonly externalId: string;
}

/**
 * Finds sends without a receipt whose age has passed a power of two hours since the last run. Ids of messages begin with their time, so the
 * index of a location's messages serves; an index of its own would cost each send.
 */
function findSilentSends(on: Executor, connections: readonly ConnectionPlace[], now: Date): Promise<SilentSend[]> {
  const [newest, oldest] = [new Date(now.getTime() - hourMs), new Date(now.getTime() - maxAgeMs)];
  const intervalHours = intervalMs / hourMs;
  return on.$queryRaw`
    SELECT "connectionId", "externalId" FROM (
      SELECT x.connection_id AS "connectionId", x.external_id AS "externalId",
        row_number() OVER (PARTITION BY x.connection_id ORDER BY x.created_at DESC) AS place
      FROM json_to_recordset(${JSON.stringify(connections)}::json) AS c (id uuid, "locationId" text)
      JOIN messages m ON m.location_id = c."locationId" AND m.id BETWEEN ${minIdAt(oldest)}::uuid AND ${minIdAt(newest)}::uuid
        AND m.connection_id = c.id AND m.state = 'pending' AND m.reason_code = 'awaiting_receipt'
      JOIN external_ids x ON x.message_id = m.id AND x.connection_id = c.id AND x.created_at BETWEEN ${oldest} AND ${newest}
      CROSS JOIN LATERAL (SELECT extract(epoch FROM ${now}::timestamptz - x.created_at) / 3600 AS hours) AS age
      WHERE floor(log(2, age.hours::numeric)) > floor(log(2, GREATEST(age.hours::numeric - ${intervalHours}::numeric, 0.5)))) AS silent
    WHERE place <= ${maxPerConnection}`;
}
