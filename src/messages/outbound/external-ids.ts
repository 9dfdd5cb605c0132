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
