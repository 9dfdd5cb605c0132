import { dateNow } from '../../core/clock.ts';
import { isAppError } from '../../core/errors.ts';
import { computeBackoffMs } from '../../core/retry-schedule.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { type DndFilter, dndFilters, searchContactsByDnd } from '../../highlevel/contact-search.ts';
import { toDndMirrorKey, toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { dndMirrorRateLimit } from '../../highlevel/rate-limit.ts';
import type { Installation } from '../../installations/store.ts';
import { isPaused, tryAcquire } from '../../queue/rate-limits.ts';
import type { Log } from '../../runtime/log.ts';
import {
  type ApplyDndDeps,
  applyContactDnd,
  confirmFound,
  listUnconfirmed,
  listUnknown,
  verifyUnconfirmed,
} from './reconcile-contacts.ts';
import {
  type ClaimedReconcile,
  claimDueReconciles,
  computeNextNight,
  enrollReconciles,
  type ReconcilePosition,
  releaseReconcile,
} from './reconcile-rows.ts';

export interface ReconcileDeps extends ApplyDndDeps {
  log: Log;
  jitter: () => number;
  installationOf(owner: ReturnType<typeof toLocationOwner>): Promise<Installation | null>;
}

const deferMs = 2_000;
const maxErrors = 8;
/** Each takes up to two calls: a step takes no more calls than mirroring an opt-out does. */
const contactsPerStep = 2;

/**
 * Reconciles opt-outs with HighLevel's do-not-disturb once a night: what others have set or cleared there while its events were lost, and
 * blocks of our own that an opt-in should have cleared. Each step is one page of a search or a few contacts, within the share of the rate
 * limit that mirroring has; the position is stored, so that a crash or a restart continues it. One process works on a location.
 *
 * @returns the number of steps that were taken
 */
export async function reconcileOptOuts(deps: ReconcileDeps): Promise<number> {
  await enrollReconciles(deps);
  const claimed = await claimDueReconciles(deps);
  const steps = await Promise.all(claimed.map((row) => takeStep(deps, row)));
  return steps.filter((isTaken) => isTaken).length;
}

/** @returns false when the step has to wait */
async function takeStep(deps: ReconcileDeps, row: ClaimedReconcile): Promise<boolean> {
  const { db, clock, log } = deps;
  const { locationId } = row;
  const wait = async (position: ReconcilePosition, ms: number) => {
    await releaseReconcile(db, row, { ...toPosition(position), dueAt: new Date(clock.now() + ms) });
    return false;
  };
  const installation = await deps.installationOf(toLocationOwner(locationId));
  if (installation?.status !== 'active') {
    await releaseReconcile(db, row, null);
    return true;
  }
  const night = { ...restPosition, dueAt: computeNextNight(clock.now(), locationId, installation.timezone) };
  try {
    const isFree =
      !(await isPaused(db, toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(clock))) &&
      (await tryAcquire({ db, clock }, toDndMirrorKey(locationId), dndMirrorRateLimit));
    if (!isFree) return await wait(row, deferMs);
    const next = await continueReconcile(deps, row);
    await releaseReconcile(db, row, next ? { ...next, dueAt: dateNow(clock) } : night);
    return true;
  } catch (error) {
    if (isAppError(error, 'highlevel_limit')) return wait(row, error.retryAfterMs ?? deferMs);
    // A refused permission is probed by the permission gate alone.
    if (isAppError(error, 'highlevel_forbidden') || row.errorCount >= maxErrors) {
      log.warn({ err: error, locationId }, 'opt-outs could not be reconciled with do-not-disturb; the next night tries again');
      await releaseReconcile(db, row, night);
      return true;
    }
    if (!isAppError(error)) log.error({ err: error, locationId }, 'a step of reconciling opt-outs failed');
    return wait({ ...row, errorCount: row.errorCount + 1 }, computeBackoffMs(row.errorCount, deps.jitter()));
  }
}

const restPosition: ReconcilePosition = { startedAt: null, step: 0, cursor: null, errorCount: 0 };

function toPosition({ startedAt, step, cursor, errorCount }: ReconcilePosition): ReconcilePosition {
  return { startedAt, step, cursor, errorCount };
}

/** Position in a search: contacts of its last page that are still to be read, and the page that follows. */
interface SearchCursor {
  readonly pending: readonly string[];
  /** Null after the last page. */
  readonly next: readonly unknown[] | null;
}

/** Takes one step. @returns the position of the next one; null at the end */
async function continueReconcile(deps: ReconcileDeps, row: ClaimedReconcile): Promise<ReconcilePosition | null> {
  const startedAt = row.startedAt ?? dateNow(deps.clock);
  const filter = dndFilters[row.step];
  if (filter) {
    const cursor = await continueSearch(deps, row, filter);
    const isDone = cursor.pending.length === 0 && cursor.next === null;
    const place = isDone ? { step: row.step + 1, cursor: null } : { step: row.step, cursor: JSON.stringify(cursor) };
    return { startedAt, ...place, errorCount: 0 };
  }
  const rows = await listUnconfirmed(deps.db, row.locationId, startedAt, row.cursor, contactsPerStep);
  for (const optOut of rows) await verifyUnconfirmed(deps, optOut);
  const last = rows.at(-1);
  return last ? { startedAt, step: row.step, cursor: last.id, errorCount: 0 } : null;
}

async function continueSearch(deps: ReconcileDeps, row: ClaimedReconcile, filter: DndFilter): Promise<SearchCursor> {
  const cursor = row.cursor === null ? null : (JSON.parse(row.cursor) as SearchCursor);
  if (cursor === null || cursor.pending.length === 0) return searchPage(deps, row.locationId, filter, cursor?.next ?? null);
  for (const contactId of cursor.pending.slice(0, contactsPerStep)) await applyContactDnd(deps, row.locationId, contactId);
  return { ...cursor, pending: cursor.pending.slice(contactsPerStep) };
}

async function searchPage(
  deps: ReconcileDeps,
  locationId: string,
  filter: DndFilter,
  after: SearchCursor['next'],
): Promise<SearchCursor> {
  try {
    const { contacts, nextCursor } = await searchContactsByDnd(deps.highLevel, locationId, filter, after);
    await confirmFound(deps, locationId, contacts, dateNow(deps.clock));
    const unknown = await listUnknown(deps.db, locationId, filter, contacts);
    return { pending: unknown.map(({ id }) => id), next: nextCursor };
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused')) throw error;
    deps.log.warn({ err: error, locationId, field: filter.field }, 'HighLevel refuses a search by do-not-disturb');
    return { pending: [], next: null };
  }
}
