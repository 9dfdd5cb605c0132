import type { Executor, Prisma, RateLimitRow } from '../database/client.ts';
import { getPausedUntil } from './rate-limits.ts';

const dayMs = 24 * 60 * 60 * 1000;

/** Status of a group: its limits, what is left of its quota, and its pause. */
export interface GroupStatus {
  readonly key: string;
  readonly quotaRemaining: number | null;
  readonly quotaCheckedAt: Date | null;
  readonly pausedUntil: Date | null;
  /** Reason of the pause. */
  readonly reason: { code: string; message: string } | null;
  readonly ratePerSecond: number | null;
  readonly concurrency: number | null;
  readonly dailyCount: number;
  /** Day of that count, in the location's time zone. */
  readonly dailyCountDate: string | null;
}

/** A page of groups: those whose key starts with `prefix`. */
export interface GroupPage {
  readonly prefix: string;
  readonly take: number;
  readonly skip?: number;
}

/** Lists the groups with a quota that was checked within a day, or with a pause; the lowest quota first. */
export async function listLowestQuotas(on: Executor, now: Date, { prefix, ...page }: GroupPage): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: {
      key: { startsWith: prefix },
      OR: [{ pausedUntil: { gt: now } }, { quotaCheckedAt: { gt: new Date(now.getTime() - dayMs) } }],
    },
    orderBy: [{ quotaRemaining: { sort: 'asc', nulls: 'last' } }, { key: 'asc' }],
    ...page,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

/** Lists the paused groups, the longest pause first. */
export async function listPausedGroups(on: Executor, now: Date, take: number): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: pausedWhere(now),
    orderBy: [{ pausedUntil: 'desc' }, { key: 'asc' }],
    take,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

/** Counts the paused groups. */
export function countPausedGroups(on: Executor, now: Date): Promise<number> {
  return on.rateLimitRow.count({ where: pausedWhere(now) });
}

/** Lists the groups with limits of their own, a daily count or a pause, by key. */
export async function listLimitedGroups(on: Executor, now: Date, { prefix, ...page }: GroupPage): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: {
      key: { startsWith: prefix },
      OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }, { dailyCount: { gt: 0 } }, pausedWhere(now)],
    },
    orderBy: { key: 'asc' },
    ...page,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

function pausedWhere(now: Date): Prisma.RateLimitRowWhereInput {
  return { pausedUntil: { gt: now } };
}

function toGroupStatus(row: RateLimitRow, now: Date): GroupStatus {
  const { key, pauseCode, pauseReason, intervalMs } = row;
  const pausedUntil = getPausedUntil(row, now);
  return {
    key,
    quotaRemaining: row.quotaRemaining,
    quotaCheckedAt: row.quotaCheckedAt,
    pausedUntil,
    reason: pausedUntil && pauseCode && pauseReason ? { code: pauseCode, message: pauseReason } : null,
    ratePerSecond: intervalMs === null ? null : 1000 / intervalMs,
    concurrency: row.concurrency,
    dailyCount: row.dailyCount,
    dailyCountDate: row.dailyCountDate,
  };
}
