import * as z from 'zod';
import { cutPage } from '../core/page.ts';
import type { Database, Prisma } from '../database/client.ts';
import type { Message } from './store.ts';

export interface LogQuery {
  direction?: 'outbound' | 'inbound' | undefined;
  status?: 'pending' | 'unknown' | 'delivered' | 'read' | 'failed' | undefined;
  /** Part of the text or of an address, or an id. */
  q?: string | undefined;
  cursor?: string | undefined;
  limit: number;
}

/** A location's messages, newest first. Ids sort by time, so the last one of a page is where the next begins. */
export async function listMessages(db: Database, locationId: string, query: LogQuery) {
  const cursor = z.uuid().safeParse(query.cursor);
  const rows = await db.client.message.findMany({
    where: {
      locationId,
      ...(query.direction ? { direction: query.direction } : {}),
      ...(query.status ? withStatus(query.status) : {}),
      ...(query.q ? { OR: matching(query.q) } : {}),
      ...(cursor.success ? { id: { lt: cursor.data } } : {}),
    },
    orderBy: { id: 'desc' },
    take: query.limit + 1,
  });
  return cutPage<Message>(rows, query.limit, ({ id }) => id);
}

/** One message with all that is recorded of it. */
export function messageWithHistory(db: Database, id: string) {
  return db.client.message.findUnique({
    where: { id },
    include: {
      attempts: { orderBy: { id: 'asc' } },
      receipts: { orderBy: { id: 'asc' } },
      reports: { orderBy: { id: 'asc' } },
    },
  });
}

export type MessageWithHistory = NonNullable<Awaited<ReturnType<typeof messageWithHistory>>>;

function withStatus(status: NonNullable<LogQuery['status']>): Prisma.MessageWhereInput {
  if (status === 'unknown') return { state: 'pending', unknownSince: { not: null } };
  return status === 'pending' ? { state: 'pending', unknownSince: null } : { state: status };
}

function matching(q: string): Prisma.MessageWhereInput[] {
  const part = { contains: q, mode: 'insensitive' as const };
  return [
    { text: part },
    { subject: part },
    { to: part },
    { from: part },
    { highlevelMessageId: q },
    { externalId: q },
    { contactId: q },
    ...(z.uuid().safeParse(q).success ? [{ id: q }] : []),
  ];
}
