import { type Clock, dateNow } from '../core/clock.ts';
import { isAppError } from '../core/errors.ts';
import type { Connection as ConnectionRow, Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { claimBatchSize, claimTtlMs } from './check-schedule.ts';
import type { Connection } from './connection.ts';

/** Claims connections whose check or setup is due, by moving its time: when this process stops, another continues after that time. */
export async function claimDueConnections(
  { db, clock }: { db: Database; clock: Clock },
  purpose: 'check' | 'setup',
): Promise<ConnectionRow[]> {
  const now = dateNow(clock);
  const until = new Date(now.getTime() + claimTtlMs);
  const rows =
    purpose === 'check'
      ? await db.client.$queryRaw<{ id: string }[]>`
          UPDATE connections SET check_due_at = ${until} WHERE id IN (
            SELECT id FROM connections WHERE check_due_at <= ${now} AND disabled_at IS NULL
            ORDER BY check_due_at LIMIT ${claimBatchSize} FOR UPDATE SKIP LOCKED) RETURNING id`
      : await db.client.$queryRaw<{ id: string }[]>`
          UPDATE connections SET setup_due_at = ${until} WHERE id IN (
            SELECT id FROM connections WHERE setup_due_at <= ${now} AND disabled_at IS NULL
            ORDER BY setup_due_at LIMIT ${claimBatchSize} FOR UPDATE SKIP LOCKED) RETURNING id`;
  if (rows.length === 0) return [];
  return db.client.connection.findMany({ where: { id: { in: rows.map(({ id }) => id) } } });
}

/** Dependencies of {@link forEachConnection}. */
export interface UseConnectionsDeps {
  log: Log;
  decryptConnection(row: ConnectionRow): Connection;
}

/** Works on claimed connections at the same time. One that this process cannot decrypt is left to the end of its claim. */
export async function forEachConnection(
  { log, decryptConnection }: UseConnectionsDeps,
  rows: readonly ConnectionRow[],
  run: (connection: Connection, row: ConnectionRow) => Promise<void>,
): Promise<void> {
  await Promise.all(
    rows.map(async (row) => {
      try {
        await run(decryptConnection(row), row);
      } catch (error) {
        if (!isAppError(error, 'secret_unreadable', 'request_invalid')) throw error;
        log.warn({ err: error, connectionId: row.id }, 'a connection can not be used');
      }
    }),
  );
}
