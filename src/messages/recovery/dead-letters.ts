import { paginate } from '../../core/pagination.ts';
import { type Database, type Executor, Prisma } from '../../database/client.ts';
import { countReasonsSql } from '../log/search-sql.ts';
import { deadLetterCondition } from '../model/dead-letter-condition.ts';
import type { Message } from '../model/message.ts';

const { sql, join } = Prisma;

/** Selection of a location's dead letters. */
export interface DeadLetterFilter {
  direction?: 'outbound' | 'inbound' | undefined;
  /** The code of the reason. */
  reason?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
}

/** A filter reads so many dead letters at a time. */
const maxScannedRows = 20_000;

/**
 * Lists a location's messages that failed or are held for review, newest first. They stay until a person resends or the location is purged.
 * With a filter, which no index serves, a part may be short, or empty, and still have older ones.
 */
export async function listDeadLetters(
  db: Database,
  locationId: string,
  { cursor, limit, ...filter }: DeadLetterFilter & { cursor?: string | undefined; limit: number },
) {
  const { client } = db;
  const range = join(
    [sql`location_id = ${locationId}`, deadLetterCondition, ...(cursor ? [sql`id < ${cursor}::uuid`] : [])],
    ' AND ',
  );
  const conditions = toConditions(filter);
  const isFiltered = conditions.length > 0;
  const [boundary] = isFiltered
    ? await client.$queryRaw<{ id: string }[]>`
        SELECT id FROM messages WHERE ${range} ORDER BY id DESC OFFSET ${maxScannedRows - 1} LIMIT 1`
    : [];
  const matching = join([range, ...conditions, ...(boundary ? [sql`id >= ${boundary.id}::uuid`] : [])], ' AND ');
  const ids = await client.$queryRaw<{ id: string }[]>`
    SELECT id FROM messages WHERE ${matching} ORDER BY id DESC LIMIT ${limit + 1}`;
  const rows = await client.message.findMany({ where: { id: { in: ids.map(({ id }) => id) } }, orderBy: { id: 'desc' } });
  const page = paginate<Message>(rows, limit, ({ id }) => id);
  return { ...page, nextCursor: page.nextCursor ?? boundary?.id ?? null };
}

const maxCounted = 10_000;

/** Counts the newest dead letters by reason, the most frequent first. @returns `failed`: without those held for review */
export async function countByReason(db: Database, locationId: string) {
  type Row = { code: string | null; message: string | null; count: number; failed: number };
  const reasons = await db.client.$queryRaw<Row[]>(countReasonsSql(locationId, maxCounted));
  return { reasons, maxCount: maxCounted };
}

/** Counts a location's failed messages that a filter selects. */
export async function countFailed(on: Executor, locationId: string, filter: DeadLetterFilter): Promise<number> {
  const [row] = await on.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM messages WHERE ${failedCondition(locationId, filter)}`;
  return row.count;
}

/** Lists failed messages that a filter selects, the oldest first. @param after the last one of the previous part */
export async function listFailedIds(
  on: Executor,
  locationId: string,
  filter: DeadLetterFilter,
  { after, limit }: { after: string | null; limit: number },
): Promise<string[]> {
  const range = after === null ? sql`true` : sql`id > ${after}::uuid`;
  const rows = await on.$queryRaw<{ id: string }[]>`
    SELECT id FROM messages WHERE ${failedCondition(locationId, filter)} AND ${range} ORDER BY id LIMIT ${limit}`;
  return rows.map(({ id }) => id);
}

function failedCondition(locationId: string, filter: DeadLetterFilter): Prisma.Sql {
  return join([sql`location_id = ${locationId}`, deadLetterCondition, sql`state = 'failed'`, ...toConditions(filter)], ' AND ');
}

function toConditions({ direction, reason, since, until }: DeadLetterFilter): Prisma.Sql[] {
  return [
    ...(direction ? [sql`direction = ${direction}::direction`] : []),
    ...(reason ? [sql`reason_code = ${reason}`] : []),
    ...(since ? [sql`updated_at >= ${since}`] : []),
    ...(until ? [sql`updated_at <= ${until}`] : []),
  ];
}
