import type { Executor, Pace, Prisma } from '../database/client.ts';
import { restsUntil } from './pace.ts';

const dayMs = 24 * 60 * 60 * 1000;
const highLevel = 'highlevel/';
const sending = 'sending/';

/** How a lane stands: whose it is, what is left of its limits, and whether it rests, until when and why. */
export interface LaneStanding {
  readonly key: string;
  /** A location, or for HighLevel's limits also a company. */
  readonly resourceId: string;
  /** A connection's lane: through which provider it sends. */
  readonly providerKey: string | null;
  readonly remainingToday: number | null;
  readonly remainingAt: Date | null;
  readonly blockedUntil: Date | null;
  readonly reason: { code: string; message: string } | null;
  readonly perSecond: number | null;
  readonly concurrency: number | null;
  readonly sentToday: number;
  /** The day of that count, in the location's zone. */
  readonly day: string | null;
}

/** Where HighLevel's limit of a day is lowest by what it said within the last day, or rests; the lowest first. */
export async function lowestBudgets(on: Executor, now: Date, page: { take: number; skip?: number }): Promise<LaneStanding[]> {
  const rows = await on.pace.findMany({
    where: {
      key: { startsWith: highLevel },
      OR: [{ blockedUntil: { gt: now } }, { remainingAt: { gt: new Date(now.getTime() - dayMs) } }],
    },
    orderBy: [{ remainingToday: { sort: 'asc', nulls: 'last' } }, { key: 'asc' }],
    ...page,
  });
  return rows.map((row) => standing(row, now));
}

/** The lanes that rest, those that rest longest first. */
export async function restingLanes(on: Executor, now: Date, take: number): Promise<LaneStanding[]> {
  const rows = await on.pace.findMany({ where: resting(now), orderBy: [{ blockedUntil: 'desc' }, { key: 'asc' }], take });
  return rows.map((row) => standing(row, now));
}

export function countResting(on: Executor, now: Date): Promise<number> {
  return on.pace.count({ where: resting(now) });
}

/** Connections with limits of their own, or that rest, by location. */
export async function sendingLanes(on: Executor, now: Date, page: { take: number; skip?: number }): Promise<LaneStanding[]> {
  const rows = await on.pace.findMany({
    where: {
      key: { startsWith: sending },
      OR: [{ intervalMs: { not: null } }, { concurrency: { not: null } }, { sentToday: { gt: 0 } }, resting(now)],
    },
    orderBy: { key: 'asc' },
    ...page,
  });
  return rows.map((row) => standing(row, now));
}

function resting(now: Date): Prisma.PaceWhereInput {
  return { blockedUntil: { gt: now } };
}

function standing(row: Pace, now: Date): LaneStanding {
  const { key, blockedCode, blockedReason, intervalMs } = row;
  const [, resourceId = '', providerKey = null] = key.split('/');
  const blockedUntil = restsUntil(row, now);
  return {
    key,
    resourceId,
    providerKey,
    remainingToday: row.remainingToday,
    remainingAt: row.remainingAt,
    blockedUntil,
    reason: blockedUntil && blockedCode && blockedReason ? { code: blockedCode, message: blockedReason } : null,
    perSecond: intervalMs === null ? null : 1000 / intervalMs,
    concurrency: row.concurrency,
    sentToday: row.sentToday,
    day: row.day,
  };
}
