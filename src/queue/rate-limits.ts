import { type Clock, dateNow } from '../core/clock.ts';
import { maxTatAheadMs, type RateLimit } from '../core/gcra.ts';
import type { Database, Executor } from '../database/client.ts';
import type { TokenOwner } from '../highlevel/client.ts';
import { slotTtlMs } from '../highlevel/rate-limit.ts';

/** Whose limit it is. These keys are also the names of the queue's lanes. */
export const rateLimitKey = {
  highLevel: ({ resourceId }: TokenOwner) => `highlevel/${resourceId}`,
  /** Questions for what a location's webhooks have left out: a share of the calls above. */
  contactLookups: (locationId: string) => `look-ups/${locationId}`,
  /** What a location sends through the channel that it has connected for a provider. */
  connection: (connection: { locationId: string; providerKey: string }) =>
    `sending/${connection.locationId}/${connection.providerKey}`,
};

/** A connection's own limits; null for none. */
export interface GroupLimits {
  readonly intervalMs: number | null;
  readonly burst: number | null;
  readonly concurrency: number | null;
}

/** The codes of rests after which a lane is only tried, one job at a time, until {@link resume} says that it works again. */
export const breakerCodes = { outage: 'highlevel_outage', quotaUsed: 'highlevel_day_used' } as const;

const [hourMs, dayMs] = [60 * 60 * 1000, 24 * 60 * 60 * 1000];

/** How long a limit may rest, by the code of the rest. A rest that has longer to go was written while the clock was ahead. */
const maxPauseMs: Readonly<Record<string, number>> = {
  [breakerCodes.outage]: 2 * 60 * 1000,
  [breakerCodes.quotaUsed]: 11 * 60 * 1000,
  highlevel_limit: 1.1 * hourMs,
  daily_cap: 26 * hourMs,
  outside_window: 8 * dayMs,
};

/** Longer than anything here. */
const unboundedMs = 1e12;

/**
 * Asks whether the next call of an installation may leave now, under a limit that all processes share (GCRA, one row a
 * limit). Whoever must wait gets a slot of its own and keeps it, so a thousand that wait do not ask a thousand times.
 *
 * @param slotReservedAt the slot that it already has
 * @returns null for now, else when
 */
export async function reserveSlot(
  deps: { db: Database; clock: Clock },
  key: string,
  limit: RateLimit,
  slotReservedAt: Date | null,
): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (slotReservedAt && slotReservedAt > now) return slotReservedAt;
  const isCurrent = slotReservedAt && now.getTime() - slotReservedAt.getTime() <= slotTtlMs;
  if (isCurrent && !(await isPaused(deps.db, key, now))) return null;
  const slot = await bookSlot(deps.db, key, limit, now);
  return slot > now ? slot : null;
}

/** Whether a call that can wait may leave now. It takes a slot only then: nobody waits for a slot that is not used. */
export async function tryAcquire(deps: { db: Database; clock: Clock }, key: string, limit: RateLimit): Promise<boolean> {
  const { intervalMs, burst } = limit;
  const now = dateNow(deps.clock);
  // A rounded millisecond in the stored time must not cost a slot.
  const roomMs = (burst - 1) * intervalMs + 1;
  // Under other limits a line of those that wait for their turn may reach as far as it likes.
  const impossibleMs = limit.maxReserved === undefined ? maxTatAheadMs(limit) + 1 : unboundedMs;
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${now}::timestamptz + ${intervalMs} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE SET tat_at = ${intervalMs} * interval '1 ms' + GREATEST(${now}::timestamptz,
        CASE WHEN rate_limits.tat_at <= ${now}::timestamptz + ${roomMs} * interval '1 ms' THEN rate_limits.tat_at END)
      -- What reaches further than any calls can was written while the clock was ahead.
      WHERE (rate_limits.tat_at <= ${now}::timestamptz + ${roomMs} * interval '1 ms'
          OR rate_limits.tat_at > ${now}::timestamptz + ${impossibleMs} * interval '1 ms')
        AND (rate_limits.paused_until IS NULL OR rate_limits.paused_until <= ${now})
    RETURNING 1`;
  return rows.length > 0;
}

/**
 * Lets nothing under this limit leave for a while, and then, where a limit is given, only one call at first: it shows whether the rest was
 * long enough. What was said before for longer stands.
 */
export async function pause(
  deps: { db: Database; clock: Clock },
  key: string,
  until: Date,
  reason: { code: string; message: string },
  limit?: RateLimit,
): Promise<void> {
  const now = dateNow(deps.clock);
  const tatAt = limit ? new Date(until.getTime() + (limit.burst - 1) * limit.intervalMs) : now;
  await deps.db.client.$executeRaw`
    INSERT INTO rate_limits (key, tat_at, paused_until, pause_code, pause_reason)
    VALUES (${key}, ${tatAt}, ${until}, ${reason.code}, ${reason.message})
    ON CONFLICT (key) DO UPDATE
      SET tat_at = GREATEST(rate_limits.tat_at, EXCLUDED.tat_at), paused_until = EXCLUDED.paused_until, pause_code = EXCLUDED.pause_code, pause_reason = EXCLUDED.pause_reason
      WHERE rate_limits.paused_until IS NULL OR rate_limits.paused_until < EXCLUDED.paused_until OR rate_limits.paused_until > ${now}::timestamptz
        + COALESCE((${JSON.stringify(maxPauseMs)}::jsonb ->> rate_limits.pause_code)::float8, ${unboundedMs}::float8) * interval '1 ms'`;
}

export function isHalfOpen(code: string | null): boolean {
  return code === breakerCodes.outage || code === breakerCodes.quotaUsed;
}

/** Returns until when a limit rests; null when it does not. */
export function getPausedUntil(row: { pausedUntil: Date | null; pauseCode: string | null }, now: Date): Date | null {
  const leftMs = (row.pausedUntil?.getTime() ?? 0) - now.getTime();
  const isReal = leftMs > 0 && leftMs <= (maxPauseMs[row.pauseCode ?? ''] ?? unboundedMs);
  return isReal ? row.pausedUntil : null;
}

const notPaused = { pausedUntil: null, pauseCode: null, pauseReason: null };

/** A lane works again. */
export function resume(deps: { db: Database }, key: string): Promise<void> {
  return resumeWhere(deps, key, Object.values(breakerCodes));
}

/** What a location's connections rest for by its clock: their hours, and the day of their cap. */
export function resumeScheduledPauses(deps: { db: Database }, locationId: string): Promise<void> {
  const startsWith = rateLimitKey.connection({ locationId, providerKey: '' });
  return resumeWhere(deps, { startsWith }, ['outside_window', 'daily_cap']);
}

async function resumeWhere({ db }: { db: Database }, key: string | { startsWith: string }, codes: string[]): Promise<void> {
  await db.client.rateLimitRow.updateMany({ where: { key, pauseCode: { in: codes } }, data: notPaused });
}

/** Takes calls that were made without asking off what may leave next. */
export async function consume(
  deps: { db: Database; clock: Clock },
  key: string,
  limit: RateLimit,
  calls: number,
): Promise<void> {
  if (calls <= 0) return;
  const now = dateNow(deps.clock);
  await deps.db.client.$executeRaw`
    INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${now}::timestamptz + ${limit.intervalMs * calls} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE SET tat_at = LEAST(
      GREATEST(rate_limits.tat_at, ${now}::timestamptz, rate_limits.paused_until) + ${limit.intervalMs * calls} * interval '1 ms',
      GREATEST(${now}::timestamptz, rate_limits.paused_until) + ${maxTatAheadMs(limit)} * interval '1 ms')`;
}

/** Keeps what HighLevel said is left of a day. */
export async function recordQuota(deps: { db: Database; clock: Clock }, key: string, remaining: number): Promise<void> {
  const now = dateNow(deps.clock);
  await deps.db.client.$executeRaw`
    INSERT INTO rate_limits (key, tat_at, quota_remaining, quota_checked_at) VALUES (${key}, ${now}, ${remaining}, ${now})
    ON CONFLICT (key) DO UPDATE SET quota_remaining = EXCLUDED.quota_remaining, quota_checked_at = EXCLUDED.quota_checked_at`;
}

/** Sets a lane's own limits, or takes them away. What blocked it, and what was booked, belonged to the old ones. */
export async function setGroupLimits(on: Executor, key: string, limits: GroupLimits, now: Date): Promise<void> {
  const { intervalMs, burst, concurrency } = limits;
  const changed = { intervalMs, burst, concurrency, ...notPaused };
  await on.rateLimitRow.upsert({ where: { key }, create: { key, tatAt: now, ...changed }, update: { tatAt: now, ...changed } });
}

/** Whether a limit rests. */
export async function isPaused(db: Database, key: string, now: Date): Promise<boolean> {
  const row = await db.client.rateLimitRow.findUnique({ where: { key } });
  return row !== null && getPausedUntil(row, now) !== null;
}

async function bookSlot(db: Database, key: string, limit: RateLimit, now: Date): Promise<Date> {
  const costMs = limit.intervalMs;
  const burstMs = limit.intervalMs * limit.burst;
  const [row] = await db.client.$queryRaw<{ slot: Date }[]>`
    INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${now}::timestamptz + ${costMs} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE
      SET tat_at = GREATEST(rate_limits.tat_at, ${now}::timestamptz, rate_limits.paused_until) + ${costMs} * interval '1 ms'
    RETURNING GREATEST(tat_at - ${burstMs} * interval '1 ms', paused_until) AS slot`;
  return row?.slot ?? now;
}
