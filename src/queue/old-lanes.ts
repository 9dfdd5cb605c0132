import type { Executor } from '../database/client.ts';
import { opensAt } from './allowance.ts';
import { type LaneRow, stateOf } from './claim.ts';
import type { JobKind } from './jobs.ts';

/** A lane with a job that nobody takes though it could be done. */
export interface OldLane {
  readonly kind: JobKind;
  readonly lane: string;
  /** How long its oldest such job has waited. */
  readonly ageSeconds: number;
}

/** A lane that works at its limit opens again and again, and is used at once. */
const usedWithinMs = 5_000;

/**
 * Lanes whose oldest job that could be done has been ready for longer than `olderThanMs`. What waits for an earlier message of its
 * contact, for the hours or the limits of its lane, or for a free hand where the lane allows only so many, is not among it.
 */
export async function oldLanes(on: Executor, now: Date, olderThanMs: number): Promise<OldLane[]> {
  const rows = await on.$queryRaw<(LaneRow & { kind: JobKind; inHand: number })[]>`
    SELECT old.kind::text AS kind, old.lane, old.due_at AS "dueAt", busy_until AS "busyUntil", blocked_until AS "blockedUntil",
      blocked_code AS "blockedCode", interval_ms AS "intervalMs", burst, concurrency,
      (SELECT count(*)::int FROM jobs h WHERE h.lane = old.lane AND h.worker_id IS NOT NULL) AS "inHand"
    FROM (
      SELECT kind, lane, min(due_at) AS due_at FROM jobs j
      WHERE worker_id IS NULL AND is_first AND due_at < ${new Date(now.getTime() - olderThanMs)} AND NOT EXISTS (
        SELECT 1 FROM jobs b WHERE b.kind = j.kind AND b.key = j.key AND b.message_id <> j.message_id
          AND (b.message_id < j.message_id OR b.worker_id IS NOT NULL))
      GROUP BY kind, lane) AS old
    LEFT JOIN paces ON key = old.lane`;
  return rows
    .filter((row) => isOpen(row, now))
    .map(({ kind, lane, dueAt }) => ({ kind, lane, ageSeconds: (now.getTime() - dueAt.getTime()) / 1000 }));
}

function isOpen({ kind, inHand, ...row }: LaneRow & { kind: JobKind; inHand: number }, now: Date): boolean {
  const state = stateOf(kind, row, inHand, now);
  const sometimeBefore = now.getTime() - usedWithinMs;
  const isFull = state.concurrency !== null && inHand >= state.concurrency;
  return !isFull && opensAt(state, sometimeBefore) <= sometimeBefore;
}
