import type { GroupState, RateLimit } from '../core/gcra.ts';
import { getPausedUntil, isHalfOpen } from './rate-limits.ts';

/** A group with claimable jobs and its row of `rate_limits`; its values are null without such a row. */
export interface GroupRow {
  groupKey: string;
  dueAt: Date;
  tatAt: Date | null;
  pausedUntil: Date | null;
  pauseCode: string | null;
  intervalMs: number | null;
  burst: number | null;
  concurrency: number | null;
}

/** A group that a poll has read. */
export interface ReadyGroup extends GroupRow {
  /** Only another worker may claim its jobs, or none for now. @see setGroupOwner */
  isOwnedElsewhere?: boolean;
}

/**
 * Converts a group's row to the state from which permits are computed.
 *
 * @param defaultLimit the queue's limit for groups without a limit in their row
 * @param running jobs of the group that run in all processes
 */
export function toGroupState(
  row: Omit<GroupRow, 'groupKey' | 'dueAt'>,
  defaultLimit: RateLimit | null,
  running: number,
  now: Date,
): GroupState {
  const { intervalMs, burst } = row;
  return {
    tat: row.tatAt ?? new Date(0),
    pausedUntil: getPausedUntil(row, now),
    limit: intervalMs === null ? defaultLimit : { intervalMs, burst: burst ?? 1 },
    concurrency: getMaxConcurrency(row),
    running,
  };
}

/** Returns the maximum of running jobs in all processes; null for no limit. A half-open group runs one job as a probe. */
export function getMaxConcurrency({ pauseCode, concurrency }: Pick<GroupRow, 'pauseCode' | 'concurrency'>): number | null {
  return isHalfOpen(pauseCode) ? 1 : concurrency;
}
