import type { RateLimit } from '../highlevel/rate-limit.ts';

/** What is known of a lane when work is taken from it. */
export interface GroupState {
  readonly tat: Date;
  readonly pausedUntil: Date | null;
  /** How fast; null for no limit. */
  readonly limit: RateLimit | null;
  /** How many at once; null for no limit. */
  readonly concurrency: number | null;
  /** How many all processes have in hand. */
  readonly running: number;
}

/** How many may leave at `nowMs`; Infinity where nothing limits them. */
export function permitsAt(group: GroupState, nowMs: number): number {
  if (group.pausedUntil && group.pausedUntil.getTime() > nowMs) return 0;
  const freeSlots = group.concurrency === null ? Number.POSITIVE_INFINITY : Math.max(group.concurrency - group.running, 0);
  if (!group.limit) return freeSlots;
  const { intervalMs, burst } = group.limit;
  const freeMs = nowMs + burst * intervalMs - currentTatMs(group, group.limit, nowMs);
  // A rounded millisecond in the stored time must not cost a whole slot.
  return Math.min(freeSlots, Math.max(Math.floor((freeMs + 1) / intervalMs), 0));
}

/** When so many have left: the moment from which the allowance is unused again. */
export function tatAfter(group: GroupState, permits: number, nowMs: number): Date {
  if (!group.limit) return group.tat;
  return new Date(Math.ceil(currentTatMs(group, group.limit, nowMs) + permits * group.limit.intervalMs));
}

/** When the next may leave, as far as time alone decides. */
export function nextPermitAt(group: GroupState, nowMs: number): number {
  const { limit } = group;
  const permittedMs = limit ? currentTatMs(group, limit, nowMs) - (limit.burst - 1) * limit.intervalMs : nowMs;
  return Math.max(permittedMs, group.pausedUntil?.getTime() ?? 0, nowMs);
}

/** Returns the longest that a limit itself keeps anything waiting, in milliseconds. */
export function maxTatAheadMs({ burst, intervalMs, maxBooked = burst }: RateLimit): number {
  return maxBooked * intervalMs;
}

/**
 * Returns until when the calls that have left use up the allowance. No calls can reach further than {@link maxTatAheadMs}: then the clock was
 * ahead when it was written, and one call may leave now, which writes a right one.
 */
function currentTatMs({ tat }: GroupState, limit: RateLimit, nowMs: number): number {
  const tatMs = Math.max(tat.getTime(), nowMs);
  // A rounded millisecond in the stored time is no proof.
  return tatMs - nowMs > maxTatAheadMs(limit) + 1 ? nowMs + (limit.burst - 1) * limit.intervalMs : tatMs;
}

/** A connection's limit of messages a second, such that no second sees more. */
export function limitPerSecond(rate: number): RateLimit {
  // A burst adds to the steady flow of its second; slow rates are worth no burst.
  const burst = Math.max(Math.floor(rate / 10), 1);
  return { burst, intervalMs: 1000 / (burst > 1 ? rate - burst : rate) };
}
