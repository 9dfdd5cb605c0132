import type { Clock } from '../../core/clock.ts';
import type { Database, Executor, OptOut } from '../../database/client.ts';
import { listLedgerSpellings } from './ledger.ts';

/** An opt-out that this process mirrors until `claimedUntil`. */
export type ClaimedOptOut = Pick<OptOut, 'id' | 'locationId' | 'address' | 'connectionId' | 'messageType' | 'liftedAt'> & {
  errorCount: number;
  claimedUntil: Date;
};

/** Longer than the calls of one opt-out take: after this, another process takes over the rows of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 20;

/** Claims the opt-outs that have been due longest, one of each location. */
export async function claimDueOptOuts({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedOptOut[]> {
  const now = new Date(clock.now());
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRaw<Omit<ClaimedOptOut, 'claimedUntil'>[]>`
    UPDATE opt_outs SET mirror_due_at = ${claimedUntil}
    WHERE mirror_due_at <= ${now} AND id IN (
      SELECT id FROM (
        SELECT DISTINCT ON (location_id) id, mirror_due_at FROM opt_outs
        WHERE mirror_due_at <= ${now} ORDER BY location_id, mirror_due_at) AS due
      ORDER BY mirror_due_at LIMIT ${maxClaimed})
    RETURNING id, location_id AS "locationId", address, connection_id AS "connectionId", message_type::text AS "messageType", lifted_at AS "liftedAt",
      mirror_error_count AS "errorCount"`;
  return rows.map((row) => ({ ...row, claimedUntil }));
}

/** Ends a claim. A row that an event has made due meanwhile stays due. @param dueAt time of the next try; null for none */
export async function rescheduleMirror(
  db: Database,
  { id, claimedUntil }: ClaimedOptOut,
  dueAt: Date | null,
  errorCount: number,
): Promise<void> {
  await db.client.optOut.updateMany({
    where: { id, mirrorDueAt: claimedUntil },
    data: { mirrorDueAt: dueAt, mirrorErrorCount: errorCount },
  });
}

/**
 * Returns whether one of a contact's addresses of the same kind has opted out, other than by HighLevel's own do-not-disturb: HighLevel
 * has one setting for all numbers of a contact.
 */
export async function hasOpenOptOut(
  db: Database,
  { locationId, address, messageType }: Pick<OptOut, 'locationId' | 'address' | 'messageType'>,
  contactId: string,
): Promise<boolean> {
  const known = await db.client.contactAddress.findMany({ where: { locationId, contactId }, select: { address: true } });
  const count = await db.client.optOut.count({
    where: {
      locationId,
      messageType,
      address: { in: [address, ...known.map((row) => row.address)].flatMap(listLedgerSpellings) },
      category: 'all',
      liftedAt: null,
      source: { not: 'highlevel' },
    },
  });
  return count > 0;
}

/** Makes the opt-outs of a location due that could not be mirrored: it has granted a permission, or is active again. */
export async function resumeMirrors(tx: Executor, locationId: string, now: Date): Promise<void> {
  await tx.optOut.updateMany({ where: { locationId, mirrorErrorCount: { gt: 0 } }, data: { mirrorDueAt: now } });
}
