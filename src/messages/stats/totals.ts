import { minIdAt } from '../../core/ids.ts';
import type { Executor, MessageState } from '../../database/client.ts';

/** How many messages there are of a kind; `unknown` are those that wait for a person's decision. */
export interface StateCount {
  direction: 'outbound' | 'inbound';
  state: MessageState | 'unknown';
  count: number;
}

/** All messages since a moment, by state: a range of the primary key. */
export async function countMessages(on: Executor, since: Date): Promise<StateCount[]> {
  return on.$queryRaw<StateCount[]>`
    SELECT direction::text AS direction, CASE WHEN held_for_review_at IS NULL THEN state::text ELSE 'unknown' END AS state, count(*)::int AS count
    FROM messages WHERE id >= ${minIdAt(since)}::uuid GROUP BY 1, 2`;
}

/** What was given up in a location for one reason, or waits for a decision. */
export interface DeadLetterCount {
  locationId: string;
  /** Null where nobody gave one. */
  code: string | null;
  /** One of the reasons in words. */
  reason: string | null;
  count: number;
  /** When the newest of them came. */
  lastAt: Date;
}

/** No index knows the state of a message, so no more than the newest are looked at: a fifth of a second's work. */
const maxScannedRows = 200_000;

/**
 * What was given up since a moment, by location and reason, the most first.
 *
 * @returns `scannedSince`: when the oldest message came that was looked at, where there were too many to look at all
 */
export async function countDeadLetters(
  on: Executor,
  since: Date,
  { take, skip }: { take: number; skip: number },
): Promise<{ rows: DeadLetterCount[]; scannedSince: Date | null }> {
  const oldest = await on.message.findFirst({
    where: { id: { gte: minIdAt(since) } },
    orderBy: { id: 'desc' },
    skip: maxScannedRows,
    select: { id: true, createdAt: true },
  });
  const rows = await on.$queryRaw<DeadLetterCount[]>`
    SELECT location_id AS "locationId", reason_code AS code, max(reason) AS reason, count(*)::int AS count, max(created_at) AS "lastAt"
    FROM messages WHERE id >= ${oldest?.id ?? minIdAt(since)}::uuid AND (state = 'failed' OR held_for_review_at IS NOT NULL)
    GROUP BY location_id, reason_code ORDER BY count DESC, location_id, code NULLS FIRST LIMIT ${take} OFFSET ${skip}`;
  return { rows, scannedSince: oldest?.createdAt ?? null };
}
