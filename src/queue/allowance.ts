import type { PaceLimit } from '../highlevel/rate-limit.ts';

/** What is known of a lane when work is taken from it. */
export interface LaneState {
  readonly busyUntil: Date;
  readonly blockedUntil: Date | null;
  /** How fast; null for no limit. */
  readonly limit: PaceLimit | null;
  /** How many at once; null for no limit. */
  readonly concurrency: number | null;
  /** How many all processes have in hand. */
  readonly inHand: number;
}

/** How many may leave at `nowMs`; Infinity where nothing limits them. */
export function allowance(lane: LaneState, nowMs: number): number {
  if (lane.blockedUntil && lane.blockedUntil.getTime() > nowMs) return 0;
  const hands = lane.concurrency === null ? Number.POSITIVE_INFINITY : Math.max(lane.concurrency - lane.inHand, 0);
  if (!lane.limit) return hands;
  const { intervalMs, burst } = lane.limit;
  const free = nowMs + burst * intervalMs - busyUntilMs(lane, lane.limit, nowMs);
  // A rounded millisecond in the stored time must not cost a whole slot.
  return Math.min(hands, Math.max(Math.floor((free + 1) / intervalMs), 0));
}

/** When so many have left: the moment from which the allowance is unused again. */
export function busyAfter(lane: LaneState, taken: number, nowMs: number): Date {
  if (!lane.limit) return lane.busyUntil;
  return new Date(Math.ceil(busyUntilMs(lane, lane.limit, nowMs) + taken * lane.limit.intervalMs));
}

/** When the next may leave, as far as time alone decides. */
export function opensAt(lane: LaneState, nowMs: number): number {
  const { limit } = lane;
  const paced = limit ? busyUntilMs(lane, limit, nowMs) - (limit.burst - 1) * limit.intervalMs : nowMs;
  return Math.max(paced, lane.blockedUntil?.getTime() ?? 0, nowMs);
}

/** Returns the longest that a limit itself keeps anything waiting, in milliseconds. */
export function maxBusyMs({ burst, intervalMs, maxBooked = burst }: PaceLimit): number {
  return maxBooked * intervalMs;
}

/**
 * Returns until when the calls that have left use up the allowance. No calls can reach further than {@link maxBusyMs}: then the clock was
 * ahead when it was written, and one call may leave now, which writes a right one.
 */
function busyUntilMs({ busyUntil }: LaneState, limit: PaceLimit, nowMs: number): number {
  const untilMs = Math.max(busyUntil.getTime(), nowMs);
  // A rounded millisecond in the stored time is no proof.
  return untilMs - nowMs > maxBusyMs(limit) + 1 ? nowMs + (limit.burst - 1) * limit.intervalMs : untilMs;
}

/** A connection's limit of messages a second, such that no second sees more. */
export function perSecond(rate: number): PaceLimit {
  // A burst adds to the steady flow of its second; slow rates are worth no burst.
  const burst = Math.max(Math.floor(rate / 10), 1);
  return { burst, intervalMs: 1000 / (burst > 1 ? rate - burst : rate) };
}
