import { type Clock, dateNow } from '../../core/clock.ts';
import { findNextDayStart } from '../../core/local-days.ts';
import type { Database } from '../../database/client.ts';
import { claimPeriodicTask } from '../../database/periodic-lock.ts';
import { listActiveLocations } from '../../installations/store.ts';

/** A reconcile of one location that this process continues until `claimedUntil`. */
export interface ClaimedReconcile {
  readonly locationId: string;
  readonly startedAt: Date | null;
  readonly step: number;
  readonly cursor: string | null;
  readonly errorCount: number;
  readonly claimedUntil: Date;
}

export type ReconcilePosition = Pick<ClaimedReconcile, 'startedAt' | 'step' | 'cursor' | 'errorCount'>;

const hourMs = 60 * 60 * 1000;
/** Longer than the calls of a step take: after this, another process takes over from one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxClaimed = 5;
const locationsPerPart = 1_000;
/** The hours after midnight over which locations are spread. */
const nightStartMs = 1 * hourMs;
const nightMs = 5 * hourMs;

/** Gives each active location a row, once an hour and in one process, so that new ones are reconciled in their next night. */
export async function enrollReconciles(deps: { db: Database; clock: Clock }): Promise<void> {
  const { db } = deps;
  if (!(await claimPeriodicTask(deps, 'dnd_reconciles', hourMs))) return;
  let after: string | undefined = '';
  while (after !== undefined) {
    const locations = await listActiveLocations(db.client, after, locationsPerPart);
    await db.client.dndReconcile.createMany({
      data: locations.map(({ resourceId, timezone }) => ({
        locationId: resourceId,
        dueAt: computeNextNight(deps.clock.now(), resourceId, timezone),
      })),
      skipDuplicates: true,
    });
    after = locations.length === locationsPerPart ? locations.at(-1)?.resourceId : undefined;
  }
}

/** Computes a location's time in its next night: always the same time of the night, which differs from location to location. */
export function computeNextNight(nowMs: number, locationId: string, timezone: string | null): Date {
  const midnight = findNextDayStart(nowMs, timezone ?? 'UTC');
  return new Date(midnight + nightStartMs + Math.floor(toFraction(locationId) * nightMs));
}

/** Spreads ids evenly between 0 and 1. */
function toFraction(id: string): number {
  let hash = 2_166_136_261;
  for (const character of id) hash = Math.imul(hash ^ character.charCodeAt(0), 16_777_619) >>> 0;
  return hash / 2 ** 32;
}

/** Claims the reconciles that have been due longest. */
export async function claimDueReconciles({ db, clock }: { db: Database; clock: Clock }): Promise<ClaimedReconcile[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRaw<Omit<ClaimedReconcile, 'claimedUntil'>[]>`
    UPDATE dnd_reconciles SET due_at = ${claimedUntil}
    WHERE due_at <= ${now} AND location_id IN (
      SELECT location_id FROM dnd_reconciles WHERE due_at <= ${now} ORDER BY due_at LIMIT ${maxClaimed} FOR UPDATE SKIP LOCKED)
    RETURNING location_id AS "locationId", started_at AS "startedAt", step, cursor, error_count AS "errorCount"`;
  return rows.map((row) => ({ ...row, claimedUntil }));
}

/** Ends a claim. @param position where the reconcile continues; null deletes the row of a location that no longer has the app */
export async function releaseReconcile(
  db: Database,
  { locationId, claimedUntil }: ClaimedReconcile,
  position: (ReconcilePosition & { dueAt: Date }) | null,
): Promise<void> {
  const where = { locationId, dueAt: claimedUntil };
  if (position) await db.client.dndReconcile.updateMany({ where, data: position });
  else await db.client.dndReconcile.deleteMany({ where });
}
