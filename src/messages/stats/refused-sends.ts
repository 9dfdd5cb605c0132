import { type Clock, dateNow } from '../../core/clock.ts';
import { minIdAt } from '../../core/ids.ts';
import { listLastDays } from '../../core/local-days.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Database } from '../../database/client.ts';

/** Cause of the opt-out for which a message was not sent; `unknown` for one that no longer stands in the ledger, or of an email to several. */
const causes = ['contact', 'vendor', 'user', 'operator', 'highlevel', 'unknown'] as const;

export type RefusalCause = (typeof causes)[number];

export interface RefusedSends {
  totalCount: number;
  /** Today last, in the location's time zone; a day counts the messages that it received. */
  days: { day: string; count: number }[];
  /** The most frequent first. */
  causes: { cause: RefusalCause; count: number }[];
}

/**
 * Counts a location's messages that were not sent because of an opt-out, by day and by cause. The cause is that of the newest opt-out of the
 * address from before the message failed.
 */
export async function countRefusedSends(
  { db, clock }: { db: Database; clock: Clock },
  { resourceId, timezone }: { resourceId: string; timezone: string | null },
  dayCount: number,
): Promise<RefusedSends> {
  const days = listLastDays(dateNow(clock), timezone ?? 'UTC', dayCount);
  const since = days[0]?.from ?? dateNow(clock);
  const spellings = await loadSpellings(db, resourceId, since);
  const rows = await db.client.$queryRaw<{ day: string; source: string | null; count: number }[]>`
    WITH refused AS (
      SELECT m.created_at, (
        SELECT o.source FROM opt_outs AS o
        WHERE o.location_id = m.location_id AND o.started_at <= m.updated_at AND o.address = ANY (ARRAY(
            SELECT jsonb_array_elements_text(COALESCE(${JSON.stringify(spellings)}::jsonb -> m."to", jsonb_build_array(m."to")))))
          AND (o.lifted_at IS NULL OR o.lifted_at > o.started_at)
        ORDER BY o.started_at DESC LIMIT 1) AS source
      FROM messages AS m
      WHERE m.location_id = ${resourceId} AND m.id >= ${minIdAt(since)}::uuid AND m.state = 'failed'
        AND m.direction = 'outbound' AND m.reason_code = 'opted_out')
    SELECT day.name AS day, refused.source, count(*)::int AS count
    FROM json_to_recordset(${JSON.stringify(days.map(({ day: name, from, to }) => ({ name, from, to })))}::json)
      AS day (name text, "from" timestamptz, "to" timestamptz)
    JOIN refused ON refused.created_at >= day."from" AND refused.created_at < day."to"
    GROUP BY day.name, refused.source`;
  const sum = (matching: (row: { day: string; source: string | null }) => boolean) =>
    rows.filter(matching).reduce((total, { count }) => total + count, 0);
  return {
    totalCount: sum(() => true),
    days: days.map(({ day }) => ({ day, count: sum((row) => row.day === day) })),
    causes: causes
      .map((cause) => ({ cause, count: sum(({ source }) => toCause(source) === cause) }))
      .filter(({ count }) => count > 0)
      .sort((one, other) => other.count - one.count),
  };
}

/** Loads the spellings of those numbers of refused messages that have several: the ledger may hold another one. */
async function loadSpellings(db: Database, locationId: string, since: Date): Promise<Record<string, string[]>> {
  const rows = await db.client.$queryRaw<{ to: string }[]>`
    SELECT DISTINCT "to" FROM messages
    WHERE location_id = ${locationId} AND id >= ${minIdAt(since)}::uuid AND state = 'failed' AND direction = 'outbound'
      AND reason_code = 'opted_out' AND "to" IS NOT NULL`;
  const all = rows.map(({ to }): [string, string[]] => [to, listPhoneSpellings(to)]);
  return Object.fromEntries(all.filter(([, { length }]) => length > 1));
}

function toCause(source: string | null): RefusalCause {
  return causes.find((cause) => cause === source) ?? 'unknown';
}
