import type { ChannelContext, ReceiptContent } from '../../channels/channel.ts';
import type { Connection } from '../../connections/connection.ts';
import { toMailKey } from '../../core/address.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import type { Log } from '../../runtime/log.ts';
import { computeRecipientStates, parseRecipients, selectReceiptsSince } from '../model/recipients.ts';

export interface EndQuietPeriodsDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** @throws AppError `not_found`, `request_invalid`, `secret_unreadable` */
  getConnection(id: string): Promise<Connection>;
  createChannelContext(connection: Connection, signal: AbortSignal): ChannelContext<object>;
  recordReceipt(connection: { id: string }, receipt: ReceiptContent): Promise<void>;
}

const intervalMs = 5_000;
const batchSize = 500;
/** Bounds a run after a long stop: the next one continues. */
const maxBatches = 20;
/** Wait for a mailbox that is not read at present: its rows must not be read again in every run. */
const maxWaitMs = 5 * 60 * 1000;

/** Aborts never: a run ends within the time-outs of its calls. */
const { signal } = new AbortController();

/**
 * Records the delivery of emails whose quiet period has ended without a failure. The periods are rows, found by an index on their end, so that they
 * survive a restart and a waiting email costs no work. A period lasts longer while the mailbox is not read, as a bounce may wait there.
 *
 * @returns 0: the next run is due in some seconds
 */
export async function endQuietPeriods(deps: EndQuietPeriodsDeps): Promise<number> {
  if (!(await claimPeriodicTask(deps, 'quiet_periods', intervalMs))) return 0;
  for (let batch = 0; batch < maxBatches; batch += 1) {
    const due = await listDue(deps);
    for (const [connectionId, periods] of Map.groupBy(due, (period) => period.connectionId)) {
      await endOfConnection(deps, connectionId, periods);
    }
    if (due.length < batchSize) break;
  }
  return 0;
}

type Period = Awaited<ReturnType<typeof listDue>>[number];

function listDue({ db, clock }: EndQuietPeriodsDeps) {
  return db.client.quietPeriod.findMany({
    where: { dueAt: { lte: dateNow(clock) } },
    orderBy: { dueAt: 'asc' },
    take: batchSize,
    include: {
      message: {
        select: {
          to: true,
          state: true,
          idempotencyResetAt: true,
          receipts: { select: { state: true, recipient: true, code: true, reason: true, receivedAt: true } },
        },
      },
    },
  });
}

async function endOfConnection(deps: EndQuietPeriodsDeps, connectionId: string, periods: readonly Period[]): Promise<void> {
  const connection = await findConnection(deps, connectionId);
  // Nobody learns of its bounces any more: its emails stay accepted.
  if (!connection) return removePeriods(deps, periods);
  const readUntil = await findReadUntil(deps, connection);
  const isOver = ({ endsAt }: Period) => readUntil >= endsAt.getTime();
  const over = periods.filter(isOver);
  await Promise.all(over.filter(isSilent).map((period) => deps.recordReceipt(connection, toReceipt(period))));
  await removePeriods(deps, over);
  await postpone(
    deps,
    periods.filter((period) => !isOver(period)),
  );
}

/** @returns null where the connection no longer exists */
async function findConnection(deps: EndQuietPeriodsDeps, id: string): Promise<Connection | null> {
  try {
    return await deps.getConnection(id);
  } catch (err) {
    if (!isAppError(err)) throw err;
    deps.log.info({ err, connectionId: id }, 'quiet periods of a connection that can’t be used end without a delivery');
    return null;
  }
}

/** Finds the time until which the bounces of a connection are known. Without receipts, what was accepted counts as delivered at once. */
async function findReadUntil(deps: EndQuietPeriodsDeps, connection: Connection): Promise<number> {
  if (!connection.capabilities.receipts) return Number.POSITIVE_INFINITY;
  const context = deps.createChannelContext(connection, signal);
  return (await connection.channel.receiptsReadUntil?.(context))?.getTime() ?? Number.NEGATIVE_INFINITY;
}

/** Returns whether no receipt has come that says more. */
function isSilent({ recipient, message }: Period): boolean {
  const { to, state, idempotencyResetAt, receipts } = message;
  if (recipient === '') return state === 'pending';
  const states = computeRecipientStates(to, selectReceiptsSince(idempotencyResetAt, receipts));
  return states.some((one) => toMailKey(one.address) === recipient && one.state === 'pending');
}

function toReceipt({ messageId, recipient, message, periodMs }: Period): ReceiptContent {
  const address = parseRecipients(message.to).find((one) => toMailKey(one) === recipient);
  const minutes = Math.max(1, Math.round(periodMs / 60_000));
  const text = `The mail server accepted it, and no bounce has come within ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`;
  return { messageId, state: 'delivered', recipient: address, evidence: { code: 'no_bounce', message: text } };
}

/** A period that a delay has made longer meanwhile stays. */
const samePeriods = `
  FROM json_to_recordset($1::json) AS p ("messageId" uuid, recipient text, "endsAt" timestamptz, "dueAt" timestamptz)`;
const isSamePeriod = 'q.message_id = p."messageId" AND q.recipient = p.recipient AND q.ends_at = p."endsAt"';

async function removePeriods({ db }: EndQuietPeriodsDeps, periods: readonly Period[]): Promise<void> {
  if (periods.length === 0) return;
  const sql = `DELETE FROM quiet_periods q USING (SELECT * ${samePeriods}) AS p WHERE ${isSamePeriod}`;
  await db.client.$executeRawUnsafe(sql, JSON.stringify(periods.map((period) => toKey(period, period.dueAt))));
}

/** Lets periods that the mailbox has not outlasted wait: briefly at first, then as long again as they have waited. */
async function postpone({ db, clock }: EndQuietPeriodsDeps, periods: readonly Period[]): Promise<void> {
  if (periods.length === 0) return;
  const now = clock.now();
  const rows = periods.map((period) => {
    const waitMs = Math.min(maxWaitMs, Math.max(intervalMs, now - period.endsAt.getTime()));
    return toKey(period, new Date(now + waitMs));
  });
  const sql = `UPDATE quiet_periods q SET due_at = p."dueAt" ${samePeriods} WHERE ${isSamePeriod}`;
  await db.client.$executeRawUnsafe(sql, JSON.stringify(rows));
}

const toKey = ({ messageId, recipient, endsAt }: Period, dueAt: Date) => ({ messageId, recipient, endsAt, dueAt });
