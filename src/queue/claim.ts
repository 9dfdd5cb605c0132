import { type Clock, dateNow } from '../core/clock.ts';
import { type GroupState, nextPermitAt, permitsAt, type RateLimit, tatAfter } from '../core/gcra.ts';
import type { Database } from '../database/client.ts';
import { type GroupRow, getMaxConcurrency, type ReadyGroup, toGroupState } from './group-state.ts';
import type { QueueName } from './job.ts';
import { type ClaimedJob, type ClaimQuota, claimJobs } from './sql/claim-jobs.ts';
import { countRunningJobs } from './sql/count-running-jobs.ts';
import { lockRateLimits } from './sql/lock-rate-limits.ts';
import { findReadyGroups, maxGroups } from './sql/ready-groups.ts';
import { storeTats } from './sql/store-tats.ts';

/** Options of one poll. */
export interface ClaimOptions {
  readonly queue: QueueName;
  readonly workerId: string;
  /** Number of the poll, of which no other of this worker has the same. */
  readonly claimNumber: number;
  /** Limit of groups without a limit in their row; null for no limit. */
  readonly defaultLimit: RateLimit | null;
  /** Returns how many jobs of each of these groups this process may start now. */
  readonly quotas: (groups: readonly string[]) => number[];
  /** Cursor of the poll before; empty at the start of a sweep. */
  readonly cursor: string;
  /** Maximum of groups that the poll reads. */
  readonly maxRead: number;
}

/** Plan of one poll: the jobs to claim from each group, and what the next poll needs. */
export interface ClaimPlan {
  /** Groups without a limit that all processes share. */
  readonly unlimited: readonly ClaimQuota[];
  readonly limited: readonly ClaimQuota[];
  /** Start of the next poll, so that each group is served once before any is served twice; empty when the sweep has seen all groups. */
  readonly cursor: string;
  /** Earliest time at which a waiting group becomes claimable; null when no group waits. */
  readonly nextAt: number | null;
  /** No job waits. */
  readonly isEmpty: boolean;
  /** A group with due jobs got no slot in this process. */
  readonly isSaturated: boolean;
}

/** Result of one poll. */
export type ClaimResult = Pick<ClaimPlan, 'cursor' | 'nextAt' | 'isEmpty' | 'isSaturated'> & {
  readonly jobs: readonly ClaimedJob[];
};

/**
 * Claims due jobs: group by group, as many of each as its limits allow, and only the head of each ordering key. Two workers never claim
 * the same job, and a group's limits hold across all processes.
 */
export async function claim(deps: { db: Database; clock: Clock }, options: ClaimOptions): Promise<ClaimResult> {
  const { db } = deps;
  const now = dateNow(deps.clock);
  const groups = await findReadyGroups(db.client, options, options.workerId, now);
  const { unlimited, limited, ...next } = planClaim(groups, options, now, options.maxRead);
  const jobs = [
    ...(await claimJobs(db.client, options, unlimited, now)),
    ...(await claimWithinLimits(db, options, limited, now)),
  ];
  return { jobs, ...next };
}

/**
 * Plans a poll from the groups that it has read.
 *
 * @param maxRead the poll reads no more groups: if it has read as many, more may follow
 */
export function planClaim(
  groups: readonly ReadyGroup[],
  { defaultLimit, quotas }: Pick<ClaimOptions, 'defaultLimit' | 'quotas'>,
  now: Date,
  maxRead: number = maxGroups,
): ClaimPlan {
  const nowMs = now.getTime();
  const toPermitAt = (group: GroupRow) => nextPermitAt(toGroupState(group, defaultLimit, 0, now), nowMs);
  const claimable = groups.filter(({ isOwnedElsewhere }) => !isOwnedElsewhere);
  const open = claimable.filter((group) => group.dueAt <= now && toPermitAt(group) <= nowMs);
  const slots = quotas(open.map(({ groupKey }) => groupKey));
  const shares = open.map((group, index) => ({ ...group, quota: slots[index] ?? 0 }));
  const selected = shares.filter(({ quota }) => quota > 0);
  const isLimited = ({ intervalMs, concurrency }: GroupRow) =>
    defaultLimit !== null || intervalMs !== null || concurrency !== null;

  // Where the first groups took all slots, the next poll continues behind them. A slow group may get no slot where later groups do.
  const firstUnserved = shares.findIndex(({ quota }) => quota === 0);
  const isCutShort = selected.length > 0 && selected.length === firstUnserved;
  const isFullSweep = groups.length < maxRead && !isCutShort;
  const last = isCutShort ? selected.at(-1)?.groupKey : groups.at(-1)?.groupKey;
  const waits = claimable.map((group) => (group.dueAt > now ? group.dueAt.getTime() : toPermitAt(group)));
  return {
    unlimited: selected.filter((group) => !isLimited(group)),
    limited: selected.filter(isLimited),
    cursor: isFullSweep ? '' : (last ?? ''),
    nextAt: waits.filter((at) => at > nowMs).reduce<number | null>((a, b) => Math.min(a ?? b, b), null),
    isEmpty: groups.length === 0,
    isSaturated: firstUnserved >= 0,
  };
}

/** Claims jobs under the locks of their groups' limits: the next worker sees them as running and their permits as used. */
function claimWithinLimits(
  db: Database,
  options: ClaimOptions,
  quotas: readonly ClaimQuota[],
  now: Date,
): ClaimedJob[] | Promise<ClaimedJob[]> {
  if (quotas.length === 0) return [];
  return db.sqlTransaction(async (tx) => {
    const rows = await lockRateLimits(
      tx,
      quotas.map(({ groupKey }) => groupKey),
      now,
    );
    // A separate statement, started under the locks: it sees what the worker before us has claimed.
    const running = await countRunningJobs(
      tx,
      rows.filter((row) => getMaxConcurrency(row) !== null).map(({ groupKey }) => groupKey),
    );
    const runningByGroup = new Map(running.map(({ groupKey, count }) => [groupKey, count]));
    const states = new Map(
      rows.map((row) => [row.groupKey, toGroupState(row, options.defaultLimit, runningByGroup.get(row.groupKey) ?? 0, now)]),
    );
    const allowed = quotas
      .map(({ groupKey, quota }) => ({
        groupKey,
        quota: Math.min(quota, permitsAt(states.get(groupKey) as GroupState, now.getTime())),
      }))
      .filter(({ quota }) => quota > 0);
    const claimed = await claimJobs(tx, options, allowed, now);
    await storeTats(tx, toTats(states, claimed, now));
    return claimed;
  });
}

function toTats(states: ReadonlyMap<string, GroupState>, claimed: readonly ClaimedJob[], now: Date) {
  return [...Map.groupBy(claimed, ({ groupKey }) => groupKey)].flatMap(([groupKey, jobs]) => {
    const state = states.get(groupKey) as GroupState;
    return state.limit ? { groupKey, tat: tatAfter(state, jobs.length, now.getTime()) } : [];
  });
}
