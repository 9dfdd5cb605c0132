import type { Database, Message } from '../../database/client.ts';

const columns = {
  ...{ id: true, state: true, reasonCode: true, reason: true, externalId: true, connectionId: true, createdAt: true },
} as const;

/** Finds a message by HighLevel's id; null until its delivery webhook has come. */
export function findSentMessage(
  db: Database,
  locationId: string,
  highlevelMessageId: string,
): Promise<Pick<Message, keyof typeof columns> | null> {
  const where = { locationId_highlevelMessageId: { locationId, highlevelMessageId } };
  return db.client.message.findUnique({ where, select: columns });
}

/** Finds what a contact has first written since a time, once it is in the conversation; empty for files alone, null for nothing. */
export async function findReply(db: Database, locationId: string, contactId: string, since: Date): Promise<string | null> {
  const reply = await db.client.message.findFirst({
    where: {
      locationId,
      contactId,
      direction: 'inbound',
      sentExternally: false,
      state: 'delivered',
      createdAt: { gte: since },
    },
    orderBy: { id: 'asc' },
    select: { text: true, subject: true },
  });
  return reply && (reply.text ?? reply.subject ?? '');
}

/** Returns those of a location's message ids that came to a Delivery URL before a time. */
export async function listEarlierMessageIds(
  db: Database,
  locationId: string,
  highlevelMessageIds: readonly string[],
  before: Date,
): Promise<Set<string>> {
  const rows = await db.client.message.findMany({
    where: { locationId, highlevelMessageId: { in: [...highlevelMessageIds] }, createdAt: { lt: before } },
    select: { highlevelMessageId: true },
  });
  return new Set(rows.flatMap(({ highlevelMessageId }) => highlevelMessageId ?? []));
}
