import type { Executor, Pace, Prisma } from '../database/client.ts';
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
  const rows = await on.pace.findMany({
    where: {
      key: { startsWith: highLevelPrefix },
      OR: [{ blockedUntil: { gt: now } }, { remainingAt: { gt: new Date(now.getTime() - dayMs) } }],
    },
    orderBy: [{ remainingToday: { sort: 'asc', nulls: 'last' } }, { key: 'asc' }],
    ...page,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

/** The lanes that rest, those that rest longest first. */
export async function listPausedGroups(on: Executor, now: Date, take: number): Promise<GroupStatus[]> {
  const rows = await on.pace.findMany({ where: pausedWhere(now), orderBy: [{ blockedUntil: 'desc' }, { key: 'asc' }], take });
  return rows.map((row) => toGroupStatus(row, now));
}

export function countPausedGroups(on: Executor, now: Date): Promise<number> {
  return on.pace.count({ where: pausedWhere(now) });
}

/** Connections with limits of their own, or that rest, by location. */
export async function listConnectionGroups(
  on: Executor,
  now: Date,
  page: { take: number; skip?: number },
): Promise<GroupStatus[]> {
  const rows = await on.pace.findMany({
    where: {
      key: { startsWith: connectionPrefix },
      OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }, { sentToday: { gt: 0 } }, pausedWhere(now)],
    },
    orderBy: { key: 'asc' },
    ...page,
  });
  return rows.map((row) => toGroupStatus(row, now));
}

function pausedWhere(now: Date): Prisma.PaceWhereInput {
  return { blockedUntil: { gt: now } };
}

function toGroupStatus(row: Pace, now: Date): GroupStatus {
  const { key, blockedCode, blockedReason, intervalMs } = row;
  const [, resourceId = '', providerKey = null] = key.split('/');
  const pausedUntil = getPausedUntil(row, now);
  return {
    key,
    resourceId,
    providerKey,
    quotaRemaining: row.remainingToday,
    quotaCheckedAt: row.remainingAt,
    pausedUntil,
    reason: pausedUntil && blockedCode && blockedReason ? { code: blockedCode, message: blockedReason } : null,
    ratePerSecond: intervalMs === null ? null : 1000 / intervalMs,
    concurrency: row.concurrency,
    dailyCount: row.sentToday,
    dailyCountDate: row.day,
  };
}
