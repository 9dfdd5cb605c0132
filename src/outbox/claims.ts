import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, Executor, TriggerEvent } from '../database/client.ts';
import { buildClaimDueSql } from '../database/due-by-location.ts';
import { repeatWhileUnavailable } from '../database/repeat.ts';

export type { TriggerEvent };

/** An event that this process fires until `claimedUntil`. */
export type ClaimedEvent = TriggerEvent & { claimedUntil: Date };

/** Result of an event that has ended. `unconfirmed`: the workflow may have been started. */
export type EventOutcome = 'fired' | 'filtered' | 'refused' | 'unconfirmed' | 'expired' | 'inactive';

/** Longer than the calls of one event take: after this, another process takes over the rows of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const claimSql = buildClaimDueSql({ table: 'trigger_events', maxClaimed: 100, maxPerLocation: 10 });

/** Claims events that are due, of each location those that have been due longest, in order. */
export async function claimDueEvents({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedEvent[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRawUnsafe<{ id: string }[]>(claimSql, claimedUntil, now);
  if (rows.length === 0) return [];
  const events = await db.client.triggerEvent.findMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
  return events.map((event) => ({ ...event, claimedUntil }));
}

/** Records that the request leaves now. @returns false when the claim is no longer this process's */
export async function markStarted(
  { db, clock }: { db: Database; clock: Clock },
  { id, claimedUntil }: ClaimedEvent,
): Promise<boolean> {
  const now = dateNow(clock);
  // A start whose commit lost its response would count as a request that has left.
  const { count } = await repeatWhileUnavailable(clock, () =>
    db.client.triggerEvent.updateMany({
      where: { id, dueAt: claimedUntil, OR: [{ startedAt: null }, { startedAt: now }], outcome: null },
      data: { startedAt: now },
    }),
  );
  return count > 0;
}

/** Ends an event. */
export async function endEvent(
  db: Database,
  { id }: Pick<ClaimedEvent, 'id'>,
  outcome: EventOutcome,
  details: string | null,
  now: Date,
): Promise<void> {
  await db.client.triggerEvent.updateMany({
    where: { id, outcome: null },
    data: { outcome, details, dueAt: null, endedAt: now },
  });
}

/** Plans the next try of an event whose request has certainly started no workflow. */
export async function retryEvent(
  db: Database,
  { id, claimedUntil, errorCount }: ClaimedEvent,
  dueAt: Date,
  /** The try has failed; otherwise it was deferred. */
  hasFailed: boolean,
): Promise<void> {
  await db.client.triggerEvent.updateMany({
    where: { id, dueAt: claimedUntil, outcome: null },
    data: { dueAt, startedAt: null, errorCount: errorCount + (hasFailed ? 1 : 0) },
  });
}

/** Makes the events of a location due that wait for it: its installation is active again. */
export async function releaseEvents(tx: Executor, locationId: string, now: Date): Promise<void> {
  await tx.triggerEvent.updateMany({
    where: { locationId, startedAt: null, outcome: null, dueAt: { gt: now } },
    data: { dueAt: now, errorCount: 0 },
  });
}
