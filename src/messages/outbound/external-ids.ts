import { fitId } from '../../core/bounds.ts';
import type { Executor } from '../../database/client.ts';

/** Lists the vendor's ids of the parts of a message that its current send has delivered to the vendor, in order. */
export async function listAcceptedParts(
  on: Executor,
  { id, resentAt }: { id: string; resentAt: Date | null },
): Promise<string[]> {
  const rows = await on.externalId.findMany({
    where: { messageId: id, part: { not: null }, ...(resentAt ? { createdAt: { gte: resentAt } } : {}) },
    orderBy: { part: 'asc' },
    select: { externalId: true },
  });
  return rows.map(({ externalId }) => externalId);
}

/** Returns whether the vendor of a connection has given an id to another message than this one. */
export async function isIdOfAnother(
  on: Executor,
  { id }: { id: string },
  connectionId: string,
  externalId: string,
): Promise<boolean> {
  const where = { connectionId, externalId: fitId(externalId), messageId: { not: id } };
  return (await on.externalId.findFirst({ where, select: { messageId: true } })) !== null;
}
