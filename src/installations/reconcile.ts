import { type Clock, dateNow } from '../core/clock.ts';
import { type LookAfterDeps, lookAfter } from './look-after.ts';
import { findInstallation, type Installation, type InstallationKey, keyOf } from './store.ts';

/** Longer than any look takes. A process that is killed in the middle leaves its rows to others after this. */
const claimMs = 2 * 60 * 1000;
const claimAtMost = 20;
const restMs = 1_000;

/**
 * Looks after every installation whose time has come. That time stands in its row (`due_at`): a storm of news is one look, work that a
 * crash has cut off is due again, and whoever claims a row first does it.
 *
 * @returns how many were looked at
 */
export async function reconcileDue(deps: LookAfterDeps): Promise<number> {
  const now = dateNow(deps.clock);
  const claimedUntil = new Date(now.getTime() + claimMs);
  const claimed = await deps.db.client.$queryRaw<InstallationKey[]>`
    UPDATE installations SET due_at = ${claimedUntil}, tries = tries + 1
    WHERE (kind, resource_id) IN (
      SELECT kind, resource_id FROM installations WHERE due_at <= ${now}
      ORDER BY due_at LIMIT ${claimAtMost} FOR UPDATE SKIP LOCKED)
    RETURNING kind::text, resource_id AS "resourceId"`;
  await Promise.all(claimed.map((key) => lookAtClaimed(deps, key)));
  return claimed.length;
}

/** Looks after one installation now, for somebody who waits for it. */
export async function reconcileNow(deps: LookAfterDeps, key: InstallationKey): Promise<void> {
  const claimedUntil = new Date(deps.clock.now() + claimMs);
  await deps.db.client.installation.updateMany({ where: keyOf(key), data: { dueAt: claimedUntil } });
  await lookAtClaimed(deps, key);
}

async function lookAtClaimed(deps: LookAfterDeps, key: InstallationKey): Promise<void> {
  const row = await findInstallation(deps.db.client, key);
  if (!row) return;
  const { dueAt, isWell } = await lookAfter(deps, row);
  const after = await findInstallation(deps.db.client, key);
  const next = nextLook({ dueAt, isWell, tries: row.tries, hasProgressed: hasProgressed(row, after) }, dateNow(deps.clock));
  // News that came meanwhile has made it due already; that must stand.
  await deps.db.client.installation.updateMany({
    where: { ...keyOf(key), dueAt: { gt: dateNow(deps.clock) } },
    data: { dueAt: next.dueAt, ...(next.isSettled ? { tries: 0 } : {}) },
  });
}

/** The longest pause that a look without progress leads to; the first is a second. */
const maxStallMs = 15 * 60 * 1000;
/** A look that comes later than this is a plan, not another try. */
const plannedAfterMs = 60_000;

/**
 * Decides when an installation is looked at again. What is due never runs twice in a row without either progress or a growing pause,
 * whatever the look itself asked for.
 *
 * @returns `isSettled`: its tries begin anew
 */
export function nextLook(
  look: { dueAt: Date | null; isWell: boolean; tries: number; hasProgressed: boolean },
  now: Date,
): { dueAt: Date | null; isSettled: boolean } {
  const { dueAt, isWell, tries, hasProgressed } = look;
  if (dueAt === null) return { dueAt, isSettled: isWell };
  const isPlan = dueAt.getTime() - now.getTime() >= plannedAfterMs;
  if (hasProgressed || isPlan) return { dueAt, isSettled: isWell };
  const pauseMs = Math.min(1_000 * 2 ** Math.max(tries - 1, 0), maxStallMs);
  return { dueAt: new Date(Math.max(dueAt.getTime(), now.getTime() + pauseMs)), isSettled: false };
}

/** Whether a look has got any work done. A new token alone is none: it may be refused like the one before. */
function hasProgressed(before: Installation, after: Installation | null): boolean {
  return after === null || marksOf(before) !== marksOf(after);
}

/** What changes when work is done. */
function marksOf(row: Installation): string {
  return JSON.stringify([
    row.status,
    row.companyId,
    row.presentAt,
    row.goneAt,
    row.leaveReason,
    row.accessToken === null,
    row.refreshToken === null,
    row.describedAt,
    row.syncSkip,
    row.syncedAt,
  ]);
}

/** Keeps doing `pass` while it finds something to do, and looks again every second. @returns stops it and waits for what is in hand */
export function repeatedly(clock: Clock, pass: () => Promise<number>, onError: (error: unknown) => void): () => Promise<void> {
  let isStopped = false;
  let timer: unknown;
  let inHand: Promise<void> = Promise.resolve();

  const run = async () => {
    try {
      while (!isStopped && (await pass()) > 0);
    } catch (error) {
      onError(error);
    }
    if (!isStopped) timer = clock.setTimeout(start, restMs);
  };
  const start = () => {
    inHand = run();
  };
  start();

  return async () => {
    isStopped = true;
    if (timer !== undefined) clock.clearTimeout(timer as never);
    await inHand;
  };
}
