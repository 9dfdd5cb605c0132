import type { Database, Prisma, TriggerSubscription } from '../database/client.ts';
import type { TriggerKind } from './trigger-kinds.ts';

export type { TriggerSubscription };

/** A trigger of ours in a workflow, as HighLevel describes it. */
export interface Subscription {
  readonly locationId: string;
  readonly triggerId: string;
  readonly kind: TriggerKind;
  readonly workflowId: string | null;
  readonly executeId: string;
  readonly filters: Prisma.InputJsonValue;
}

/** Bounds what one event of a location can cost. */
const maxPerLocation = 200;

/** Stores a subscription, or its new form. @returns false when the location has too many */
export async function storeSubscription(db: Database, subscription: Subscription, now: Date): Promise<boolean> {
  const { locationId, triggerId, ...fields } = subscription;
  const where = { locationId_triggerId: { locationId, triggerId } };
  return db.transaction(async (tx) => {
    const known = await tx.triggerSubscription.findUnique({ where });
    if (!known && (await tx.triggerSubscription.count({ where: { locationId } })) >= maxPerLocation) return false;
    await tx.triggerSubscription.upsert({
      where,
      create: { locationId, triggerId, ...fields, createdAt: now, updatedAt: now },
      update: { ...fields, updatedAt: now },
    });
    return true;
  });
}

/** Deletes a subscription, and ends what waits for it. @param details why, for a person */
export async function removeSubscription(
  db: Database,
  ref: { locationId: string; triggerId: string },
  details: string,
  now: Date,
): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.triggerSubscription.deleteMany({ where: ref });
    await tx.triggerEvent.updateMany({
      where: { ...ref, outcome: null, startedAt: null },
      data: { outcome: 'inactive', details, dueAt: null, endedAt: now },
    });
  });
}

export function findSubscription(
  db: Database,
  { locationId, triggerId }: { locationId: string; triggerId: string },
): Promise<TriggerSubscription | null> {
  return db.client.triggerSubscription.findUnique({ where: { locationId_triggerId: { locationId, triggerId } } });
}

/** Lists a location's subscriptions, oldest first. */
export function listSubscriptions(db: Database, locationId: string): Promise<TriggerSubscription[]> {
  return db.client.triggerSubscription.findMany({
    where: { locationId },
    orderBy: [{ createdAt: 'asc' }, { triggerId: 'asc' }],
  });
}
