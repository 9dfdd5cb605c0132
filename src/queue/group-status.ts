import type { Executor, Prisma, RateLimitRow } from '../database/client.ts';
import { getPausedUntil } from './rate-limits.ts';

const dayMs = 24 * 60 * 60 * 1000;
const highLevelPrefix = 'highlevel/';
const connectionPrefix = 'sending/';

/** How a lane stands: whose it is, what is left of its limits, and whether it rests, until when and why. */
export interface GroupStatus {
  readonly key: string;
  /** A location, or for HighLevel's limits also a company. */
  readonly resourceId: string;
  /** A connection's lane: through which provider it sends. */
  readonly providerKey: string | null;
  readonly quotaRemaining: number | null;
  readonly quotaCheckedAt: Date | null;
  readonly pausedUntil: Date | null;
  readonly reason: { code: string; message: string } | null;
  readonly ratePerSecond: number | null;
  readonly concurrency: number | null;
  readonly dailyCount: number;
  /** The day of that count, in the location's zone. */
  readonly dailyCountDate: string | null;
}

/** Where HighLevel's limit of a day is lowest by what it said within the last day, or rests; the lowest first. */
export async function listLowestQuotas(on: Executor, now: Date, page: { take: number; skip?: number }): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: {
      key: { startsWith: highLevelPrefix },
      OR: [{ pausedUntil: { gt: now } }, { quotaCheckedAt: { gt: new Date(now.getTime() - dayMs) } }],
    },
    orderBy: [{ quotaRemaining: { sort: 'asc', nulls: 'last' } }, { key: 'asc' }],
    ...page,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

/** The lanes that rest, those that rest longest first. */
export async function listPausedGroups(on: Executor, now: Date, take: number): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: pausedWhere(now),
    orderBy: [{ pausedUntil: 'desc' }, { key: 'asc' }],
    take,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

export function countPausedGroups(on: Executor, now: Date): Promise<number> {
  return on.rateLimitRow.count({ where: pausedWhere(now) });
}

/** Connections with limits of their own, or that rest, by location. */
export async function listConnectionGroups(
  on: Executor,
  now: Date,
  page: { take: number; skip?: number },
): Promise<GroupStatus[]> {
  const rows = await on.rateLimitRow.findMany({
    where: {
      key: { startsWith: connectionPrefix },
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
  const [, resourceId = '', providerKey = null] = key.split('/');
  const pausedUntil = getPausedUntil(row, now);
  return {
    key,
    resourceId,
    providerKey,
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
