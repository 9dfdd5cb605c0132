import { type Clock, nowOf } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { TokenOwner } from '../highlevel/client.ts';
import { type PaceLimit, slotLifeMs } from '../highlevel/rate-limit.ts';

/** Whose limit it is. */
export const paceKey = {
  highLevel: ({ resourceId }: TokenOwner) => `highlevel/${resourceId}`,
  connection: (connectionId: string) => `connection/${connectionId}`,
};

/**
 * Asks whether the next call of a message or an installation may leave now, under a limit that all processes share (GCRA, one row a limit).
 *
 * Each call gets a slot of its own and keeps it while it waits, so a thousand that wait do not ask a thousand times.
 *
 * @param slotAt the slot that it already has
 * @param cost how many calls it is about to make
 * @returns null for now, else when
 */
export async function turnOf(
  deps: { db: Database; clock: Clock },
  key: string,
  limit: PaceLimit,
  slotAt: Date | null,
  cost = 1,
): Promise<Date | null> {
  const now = nowOf(deps.clock);
  if (slotAt && slotAt > now) return slotAt;
  const isCurrent = slotAt && now.getTime() - slotAt.getTime() <= slotLifeMs;
  if (isCurrent && !(await isBlocked(deps.db, key, now))) return null;
  const slot = await reserve(deps.db, key, limit, cost, now);
  return slot > now ? slot : null;
}

/** Lets nothing under this limit leave for a while, as the other side asked. */
export async function rest(deps: { db: Database; clock: Clock }, key: string, forMs: number): Promise<void> {
  const now = nowOf(deps.clock);
  const until = new Date(now.getTime() + forMs);
  await deps.db.client.$executeRaw`
    INSERT INTO paces (key, busy_until, blocked_until) VALUES (${key}, ${now}, ${until})
    ON CONFLICT (key) DO UPDATE SET blocked_until = GREATEST(paces.blocked_until, EXCLUDED.blocked_until)`;
}

async function isBlocked(db: Database, key: string, now: Date): Promise<boolean> {
  const pace = await db.client.pace.findUnique({ where: { key } });
  return pace?.blockedUntil !== null && pace?.blockedUntil !== undefined && pace.blockedUntil > now;
}

async function reserve(db: Database, key: string, limit: PaceLimit, cost: number, now: Date): Promise<Date> {
  const costMs = limit.intervalMs * cost;
  const burstMs = limit.intervalMs * limit.burst;
  const [row] = await db.client.$queryRaw<{ slot: Date }[]>`
    INSERT INTO paces (key, busy_until) VALUES (${key}, ${now}::timestamptz + ${costMs} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE
      SET busy_until = GREATEST(paces.busy_until, ${now}::timestamptz, paces.blocked_until) + ${costMs} * interval '1 ms'
    RETURNING GREATEST(busy_until - ${burstMs} * interval '1 ms', blocked_until) AS slot`;
  return row?.slot ?? now;
}
