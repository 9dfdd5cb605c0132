import { type DatabaseTarget, openDatabase } from '../../src/database/client.ts';

/** What is in the tables when everything is said and done. */
export interface Remains {
  jobs: number;
  /** Messages that are on their way and say no reason. */
  pendingWithoutReason: number;
  pending: number;
  /** Outbound messages whose newest state HighLevel was never told. */
  untold: number;
  /** Receipts that found no message. */
  lostReceipts: number;
}

/** Looks into the database when no process uses it any more. */
export async function remainsIn(target: DatabaseTarget): Promise<Remains> {
  const db = await openDatabase(target);
  try {
    const [found] = await db.client.$queryRaw<Remains[]>`
      SELECT (SELECT count(*)::int FROM jobs) AS jobs,
        count(*) FILTER (WHERE state = 'pending' AND reason_code IS NULL)::int AS "pendingWithoutReason",
        count(*) FILTER (WHERE state = 'pending')::int AS pending,
        count(*) FILTER (WHERE direction = 'outbound' AND state <> 'pending' AND state IS DISTINCT FROM reported_state)::int AS untold,
        (SELECT count(*)::int FROM receipts WHERE message_id IS NULL) AS "lostReceipts"
      FROM messages`;
    return found as Remains;
  } finally {
    await db.close();
  }
}
