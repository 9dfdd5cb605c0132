import { minIdAt } from '../../core/ids.ts';
import type { Executor, MessageState } from '../../database/client.ts';
import { anyDeadLetterCondition } from '../model/dead-letter-condition.ts';

/** Number of messages in a state; `unknown` are those held for review. */
export interface StateCount {
  direction: 'outbound' | 'inbound';
  state: MessageState | 'unknown';
  count: number;
}

/** Counts messages since a time by state, in one range of the primary key. */
export async function countMessages(on: Executor, since: Date): Promise<StateCount[]> {
  return on.$queryRaw<StateCount[]>`
    SELECT direction::text AS direction, CASE WHEN held_for_review_at IS NULL THEN state::text ELSE 'unknown' END AS state, count(*)::int AS count
    FROM messages WHERE id >= ${minIdAt(since)}::uuid GROUP BY 1, 2`;
}

/** Number of a location's dead letters with one reason. */
export interface DeadLetterCount {
  locationId: string;
  /** Null for messages without a reason. */
  code: string | null;
  /** Text of the reason of one of them. */
  reason: string | null;
  count: number;
  /** Time of the newest message. */
  lastAt: Date;
}

/** Only the newest are read: a fifth of a second's work. */
const maxScannedRows = 200_000;

/**
 * Counts dead letters since a time by location and reason, the most frequent first.
 *
 * @returns `scannedSince`: time of the oldest dead letter that was read, if there were too many to read them all; else null
 */
export async function countDeadLetters(
  on: Executor,
  since: Date,
  { take, skip }: { take: number; skip: number },
): Promise<{ rows: DeadLetterCount[]; scannedSince: Date | null }> {
  const [oldest] = await on.$queryRaw<{ id: string; createdAt: Date }[]>`
    SELECT id, created_at AS "createdAt" FROM messages WHERE id >= ${minIdAt(since)}::uuid AND ${anyDeadLetterCondition}
    ORDER BY id DESC OFFSET ${maxScannedRows} LIMIT 1`;
  const rows = await on.$queryRaw<DeadLetterCount[]>`
    SELECT location_id AS "locationId", reason_code AS code, max(reason) AS reason, count(*)::int AS count, max(created_at) AS "lastAt"
    FROM messages WHERE id >= ${oldest?.id ?? minIdAt(since)}::uuid AND ${anyDeadLetterCondition}
    GROUP BY location_id, reason_code ORDER BY count DESC, location_id, code NULLS FIRST LIMIT ${take} OFFSET ${skip}`;
  return { rows, scannedSince: oldest?.createdAt ?? null };
}
