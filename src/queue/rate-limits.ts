import { type Clock, dateNow } from '../core/clock.ts';
import { maxTatAheadMs, type RateLimit } from '../core/gcra.ts';
import type { Database, Executor } from '../database/client.ts';

/** A limit under which calls reserve slots ahead of time. */
export interface SlotLimit extends RateLimit {
  /** Lifetime of a reserved slot: a call that used an older one would add to the calls of another moment. */
  readonly slotTtlMs: number;
}

/** A group's own limits; null for no limit. */
export interface GroupLimits {
  readonly intervalMs: number | null;
  readonly burst: number | null;
  readonly concurrency: number | null;
}

/** Codes of pauses after which a group is half-open: it runs one job at a time until {@link resume}. */
export const breakerCodes = { outage: 'highlevel_outage', quotaUsed: 'highlevel_day_used' } as const;

const [hourMs, dayMs] = [60 * 60 * 1000, 24 * 60 * 60 * 1000];

/** Longest pause by its code. A pause with more time left was written while the clock was ahead. */
const maxPauseMs: Readonly<Record<string, number>> = {
  [breakerCodes.outage]: 2 * 60 * 1000,
  [breakerCodes.quotaUsed]: 11 * 60 * 1000,
  highlevel_limit: 1.1 * hourMs,
  connection_held: 27 * hourMs,
  daily_cap: 26 * hourMs,
  vendor_limit: 25 * hourMs,
  outside_window: 8 * dayMs,
};

/** Longer than any pause. */
const unboundedMs = 1e12;

/**
 * Reserves a slot for the next call under a limit that all processes share (GCRA, one row a limit). A caller that must wait reuses
 * its slot, so a thousand waiting callers do not query a thousand times.
 *
 * @param slotReservedAt the slot that the caller already has
 * @returns null when the call may start now, else the time of its slot
 */
export async function reserveSlot(
  deps: { db: Database; clock: Clock },
  key: string,
  limit: SlotLimit,
  slotReservedAt: Date | null,
): Promise<Date | null> {
  const now = dateNow(deps.clock);
  if (slotReservedAt && slotReservedAt > now) return slotReservedAt;
  const isCurrent = slotReservedAt && now.getTime() - slotReservedAt.getTime() <= limit.slotTtlMs;
  if (isCurrent && !(await isPaused(deps.db, key, now))) return null;
  const slot = await takeNextSlot(deps.db, key, limit, now);
  return slot > now ? slot : null;
}

/** Uses a permit if one is free now. Otherwise it reserves no slot, which would go unused. @returns false without a permit */
export async function tryAcquire(deps: { db: Database; clock: Clock }, key: string, limit: RateLimit): Promise<boolean> {
  const { intervalMs, burst } = limit;
  const now = dateNow(deps.clock);
  // A rounded millisecond in the stored time must not cost a slot.
  const roomMs = (burst - 1) * intervalMs + 1;
  // Under a limit with reservations the queue of reserved slots has no bound.
  const impossibleMs = limit.maxReserved === undefined ? maxTatAheadMs(limit) + 1 : unboundedMs;
  const rows = await deps.db.client.$queryRaw<unknown[]>`
    INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${now}::timestamptz + ${intervalMs} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE SET tat_at = ${intervalMs} * interval '1 ms' + GREATEST(${now}::timestamptz,
        CASE WHEN rate_limits.tat_at <= ${now}::timestamptz + ${roomMs} * interval '1 ms' THEN rate_limits.tat_at END)
      -- Further ahead than calls can move it: written while the clock was ahead.
      WHERE (rate_limits.tat_at <= ${now}::timestamptz + ${roomMs} * interval '1 ms'
          OR rate_limits.tat_at > ${now}::timestamptz + ${impossibleMs} * interval '1 ms')
        AND (rate_limits.paused_until IS NULL OR rate_limits.paused_until <= ${now})
    RETURNING 1`;
  return rows.length > 0;
}

/**
 * Pauses a group. A pause that was set before and ends later stays.
 *
 * @param limit lets only one call start at the end of the pause: it shows whether the pause was long enough
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

/** Returns true when a group is half-open during and after a pause with this code. */
export function isHalfOpen(code: string | null): boolean {
  return code === breakerCodes.outage || code === breakerCodes.quotaUsed;
}

/** Returns the end of a pause; null without one. */
export function getPausedUntil(row: { pausedUntil: Date | null; pauseCode: string | null }, now: Date): Date | null {
  const leftMs = (row.pausedUntil?.getTime() ?? 0) - now.getTime();
  const isReal = leftMs > 0 && leftMs <= (maxPauseMs[row.pauseCode ?? ''] ?? unboundedMs);
  return isReal ? row.pausedUntil : null;
}

const notPaused = { pausedUntil: null, pauseCode: null, pauseReason: null };

/** Closes the breaker of a group: it no longer pauses and runs as many jobs as its limits allow. */
export function resume(deps: { db: Database }, key: string): Promise<void> {
  return resumeWhere(deps, key, Object.values(breakerCodes));
}

/** Ends the pauses with these codes, of one group or of all whose key starts with a prefix. */
export async function resumeWhere(
  { db }: { db: Database },
  key: string | { startsWith: string },
  codes: readonly string[],
): Promise<void> {
  await db.client.rateLimitRow.updateMany({ where: { key, pauseCode: { in: [...codes] } }, data: notPaused });
}

/** Subtracts calls that were made without a permit from the next permits. */
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

/** Records the quota that a response reported as remaining. */
export async function recordQuota(deps: { db: Database; clock: Clock }, key: string, remaining: number): Promise<void> {
  const now = dateNow(deps.clock);
  await deps.db.client.$executeRaw`
    INSERT INTO rate_limits (key, tat_at, quota_remaining, quota_checked_at) VALUES (${key}, ${now}, ${remaining}, ${now})
    ON CONFLICT (key) DO UPDATE SET quota_remaining = EXCLUDED.quota_remaining, quota_checked_at = EXCLUDED.quota_checked_at`;
}

/**
 * Sets or removes a group's own limits. Its pause and its reserved slots belonged to the old ones and end.
 *
 * @param keepsPause the pause has another reason than the limits
 */
export async function setGroupLimits(
  on: Executor,
  key: string,
  limits: GroupLimits,
  now: Date,
  keepsPause = false,
): Promise<void> {
  const { intervalMs, burst, concurrency } = limits;
  const changed = { tatAt: now, intervalMs, burst, concurrency, ...(keepsPause ? {} : notPaused) };
  await on.rateLimitRow.upsert({ where: { key }, create: { key, ...changed }, update: changed });
}

/** Returns true when a group is paused. */
export async function isPaused(db: Database, key: string, now: Date): Promise<boolean> {
  const row = await db.client.rateLimitRow.findUnique({ where: { key } });
  return row !== null && getPausedUntil(row, now) !== null;
}

async function takeNextSlot(db: Database, key: string, limit: RateLimit, now: Date): Promise<Date> {
  const costMs = limit.intervalMs;
  const burstMs = limit.intervalMs * limit.burst;
  const [row] = await db.client.$queryRaw<{ slot: Date }[]>`
    INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${now}::timestamptz + ${costMs} * interval '1 ms')
    ON CONFLICT (key) DO UPDATE
      SET tat_at = GREATEST(rate_limits.tat_at, ${now}::timestamptz, rate_limits.paused_until) + ${costMs} * interval '1 ms'
    RETURNING GREATEST(tat_at - ${burstMs} * interval '1 ms', paused_until) AS slot`;
  return row?.slot ?? now;
}
