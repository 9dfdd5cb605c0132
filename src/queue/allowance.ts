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
  const free = nowMs + burst * intervalMs - Math.max(lane.busyUntil.getTime(), nowMs);
  // A rounded millisecond in the stored time must not cost a whole slot.
  return Math.min(hands, Math.max(Math.floor((free + 1) / intervalMs), 0));
}

/** When so many have left: the moment from which the allowance is unused again. */
export function busyAfter(lane: LaneState, taken: number, nowMs: number): Date {
  if (!lane.limit) return lane.busyUntil;
  return new Date(Math.ceil(Math.max(lane.busyUntil.getTime(), nowMs) + taken * lane.limit.intervalMs));
}

/** When the next may leave, as far as time alone decides. */
export function opensAt(lane: LaneState, nowMs: number): number {
  const { limit } = lane;
  const paced = limit ? lane.busyUntil.getTime() - (limit.burst - 1) * limit.intervalMs : nowMs;
  return Math.max(paced, lane.blockedUntil?.getTime() ?? 0, nowMs);
}

/** A connection's limit of messages a second, such that no second sees more. */
export function perSecond(rate: number): PaceLimit {
  // A burst adds to the steady flow of its second; slow rates are worth no burst.
  const burst = Math.max(Math.floor(rate / 10), 1);
  return { burst, intervalMs: 1000 / (burst > 1 ? rate - burst : rate) };
}
