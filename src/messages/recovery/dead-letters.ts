import { paginate } from '../../core/pagination.ts';
import type { Database, Prisma } from '../../database/client.ts';
import { countReasonsSql } from '../log/search-sql.ts';
import type { Message } from '../model/message.ts';

/** Selection of a location's dead letters. */
export interface DeadLetterFilter {
  direction?: 'outbound' | 'inbound' | undefined;
  /** The code of the reason. */
  reason?: string | undefined;
  since?: Date | undefined;
  until?: Date | undefined;
}

/** Lists a location's messages that failed or are held for review, newest first. They stay until a person resends or the location is purged. */
export async function listDeadLetters(
  db: Database,
  locationId: string,
  query: DeadLetterFilter & { cursor?: string | undefined; limit: number },
) {
  const rows = await db.client.message.findMany({
    where: {
      AND: [{ OR: [{ state: 'failed' }, { heldForReviewAt: { not: null } }] }, matchingFilter(locationId, query)],
      ...(query.cursor ? { id: { lt: query.cursor } } : {}),
    },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return paginate<Message>(rows, query.limit, ({ id }) => id);
}

const maxCounted = 10_000;

/** Counts the newest dead letters by reason, the most frequent first. @returns `failed`: without those held for review */
export async function countByReason(db: Database, locationId: string) {
  type Row = { code: string | null; message: string | null; count: number; failed: number };
  const reasons = await db.client.$queryRaw<Row[]>(countReasonsSql(locationId, maxCounted));
  return { reasons, maxCount: maxCounted };
}

/** Returns the condition of the messages that a filter selects. */
export function matchingFilter(
  locationId: string,
  { direction, reason, since, until }: DeadLetterFilter,
): Prisma.MessageWhereInput {
  return {
    locationId,
    ...(direction ? { direction } : {}),
    ...(reason ? { reasonCode: reason } : {}),
    ...(since || until ? { updatedAt: { ...(since ? { gte: since } : {}), ...(until ? { lte: until } : {}) } } : {}),
  };
}
