/** A rate limit: `burst` calls at once after a pause, then one each `intervalMs`. */
export interface RateLimit {
  readonly intervalMs: number;
  readonly burst: number;
  /** Calls that can be reserved ahead of time, where some are made without a reservation; by default the burst. */
  readonly maxReserved?: number;
}

/** State of a group from which a worker claims jobs: its rate limit by GCRA, its pause and its concurrency. */
export interface GroupState {
  /** GCRA's theoretical arrival time: from then on the limit is unused. */
  readonly tat: Date;
  readonly pausedUntil: Date | null;
  /** Null for no limit. */
  readonly limit: RateLimit | null;
  /** Maximum of running jobs; null for no limit. */
  readonly concurrency: number | null;
  /** Jobs that run now, in all processes. */
  readonly running: number;
}

/** Returns the number of jobs that may start at `nowMs`; Infinity without a limit. */
export function permitsAt(group: GroupState, nowMs: number): number {
  if (group.pausedUntil && group.pausedUntil.getTime() > nowMs) return 0;
  const freeSlots = group.concurrency === null ? Number.POSITIVE_INFINITY : Math.max(group.concurrency - group.running, 0);
  if (!group.limit) return freeSlots;
  const { intervalMs, burst } = group.limit;
  const freeMs = nowMs + burst * intervalMs - currentTatMs(group, group.limit, nowMs);
  // A rounded millisecond in the stored time must not cost a whole slot.
  return Math.min(freeSlots, Math.max(Math.floor((freeMs + 1) / intervalMs), 0));
}

/** Returns the theoretical arrival time after `permits` more jobs have started. */
export function tatAfter(group: GroupState, permits: number, nowMs: number): Date {
  if (!group.limit) return group.tat;
  return new Date(Math.ceil(currentTatMs(group, group.limit, nowMs) + permits * group.limit.intervalMs));
}

/** Returns the earliest time at which the rate limit and the pause let the next job start. */
export function nextPermitAt(group: GroupState, nowMs: number): number {
  const { limit } = group;
  const permittedMs = limit ? currentTatMs(group, limit, nowMs) - (limit.burst - 1) * limit.intervalMs : nowMs;
  return Math.max(permittedMs, group.pausedUntil?.getTime() ?? 0, nowMs);
}

/** Returns the longest wait that a limit alone can cause, in milliseconds. */
export function maxTatAheadMs({ burst, intervalMs, maxReserved = burst }: RateLimit): number {
  return maxReserved * intervalMs;
}

/**
 * Returns the theoretical arrival time, at least `nowMs`. Calls cannot move it further ahead than {@link maxTatAheadMs}: a later one was
 * written by a clock that was ahead. Then one call may start now, and its write corrects the stored time.
 */
function currentTatMs({ tat }: GroupState, limit: RateLimit, nowMs: number): number {
  const tatMs = Math.max(tat.getTime(), nowMs);
  // A rounded millisecond in the stored time is no proof.
  return tatMs - nowMs > maxTatAheadMs(limit) + 1 ? nowMs + (limit.burst - 1) * limit.intervalMs : tatMs;
}

/** Converts a connection's messages per second into a limit that no single second exceeds. */
export function limitPerSecond(rate: number): RateLimit {
  // A burst adds to the steady flow of its second; slow rates are worth no burst.
  const burst = Math.max(Math.floor(rate / 10), 1);
  return { burst, intervalMs: 1000 / (burst > 1 ? rate - burst : rate) };
}
