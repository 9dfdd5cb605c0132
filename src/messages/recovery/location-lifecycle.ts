import { dateNow } from '../../core/clock.ts';
import type { Executor, Prisma } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import type { QueueName } from '../../queue/job.ts';
import { runGroupNow, runNow } from '../../queue/sql/reschedule-jobs.ts';
import type { StoreDeps } from '../model/message-jobs.ts';
import { getReason } from '../model/reasons.ts';
import { keepPending, type MessageChange, transitionTo } from '../model/transitions.ts';
import { mayHaveArrived } from '../outbound/attempts.ts';
import { lockMessages } from '../settlement/locks.ts';
import { updateMessages } from '../settlement/update-messages.ts';

/** Why messages wait for their location and for nothing else. */
const waitingForLocation = [
  'installation_missing',
  'uninstalled',
  'location_inactive',
  'reauth_required',
  'app_not_configured',
  'highlevel_forbidden',
];
const batchSize = 200;

/** A location can be worked for again: what waited for it goes on at once, not when its long wait is over. */
export async function releaseWaiting(deps: StoreDeps, tx: Executor, locationId: string): Promise<void> {
  const waiting = { locationId, state: 'pending', reasonCode: { in: waitingForLocation } } as const;
  await runMatchingNow(deps, tx, 'deliver', { ...waiting, direction: 'outbound' });
  await runGroupNow(tx, 'highlevel', toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(deps.clock));
}

/** HighLevel allows again what it had refused to a location: what has waited for that goes on now. */
export function resumeReports(deps: StoreDeps, locationId: string): Promise<void> {
  return deps.db.transaction(async (tx) => {
    const waiting = { locationId, state: 'pending', reasonCode: 'highlevel_forbidden' } as const;
    await runMatchingNow(deps, tx, 'deliver', { ...waiting, direction: 'outbound' });
    await runGroupNow(tx, 'highlevel', toHighLevelGroupKey(toLocationOwner(locationId)), dateNow(deps.clock));
  });
}

async function runMatchingNow(deps: StoreDeps, tx: Executor, kind: QueueName, where: Prisma.MessageWhereInput): Promise<void> {
  const found = await tx.message.findMany({ where, select: { id: true } });
  const ids = found.map(({ id }) => id);
  await runNow(tx, kind, ids, dateNow(deps.clock));
}

/** What is queued and was not sent: neither in hand at this moment, nor taken by its far side, nor of unknown fate. */
const queuedMessages = (locationId: string) =>
  ({
    locationId,
    direction: 'outbound',
    state: 'pending',
    heldForReviewAt: null,
    AND: [{ OR: [{ reasonCode: null }, { reasonCode: { not: 'awaiting_receipt' } }] }],
    attempts: { none: { endedAt: null } },
  }) as const satisfies Prisma.MessageWhereInput;

/** The app is uninstalled there: what is queued fails, with the reason. What is being sent ends as it ends. */
export async function cancelQueued(deps: StoreDeps, locationId: string): Promise<void> {
  for (;;) {
    const found = await deps.db.client.message.findMany({
      where: queuedMessages(locationId),
      select: { id: true },
      orderBy: { id: 'asc' },
      take: batchSize,
    });
    for (const { id } of found) await cancelOne(deps, locationId, id);
    if (found.length < batchSize) return;
  }
}

function cancelOne(deps: StoreDeps, locationId: string, id: string): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await lockMessages(tx, [id]);
    // A send may have begun since it was found.
    const message = await tx.message.findFirst({
      where: { ...queuedMessages(locationId), id },
      select: { id: true, resentAt: true },
    });
    if (!message) return;
    const cancelReason = getReason('uninstalled');
    const holdForReview = { heldForReviewAt: dateNow(deps.clock), nextAttemptAt: null };
    const change: MessageChange = (await mayHaveArrived(tx, message))
      ? (current) => keepPending(current, cancelReason, holdForReview)
      : (current) => transitionTo(current, 'failed', cancelReason);
    await updateMessages(deps, tx, new Map([[id, change]]));
  });
}

/** How many of those failures HighLevel has neither taken nor refused because our token is gone. */
export function countUnreported(deps: StoreDeps, locationId: string): Promise<number> {
  return deps.db.client.message.count({
    where: {
      locationId,
      state: 'failed',
      reasonCode: 'uninstalled',
      reportedState: null,
      highlevelMessageId: { not: null },
      reportAttempts: { none: { httpStatus: 401 } },
    },
  });
}

const maxDeletedAtOnce = 1_000;

/** Deletes the messages of locations that were uninstalled before `before`, some at a time. @returns how many are gone */
export async function purgeMessages(deps: Pick<StoreDeps, 'db'>, before: Date): Promise<number> {
  return deps.db.client.$executeRaw`
    DELETE FROM messages WHERE id IN (
      SELECT messages.id FROM messages JOIN installations
        ON installations.kind = 'location' AND installations.resource_id = messages.location_id
      WHERE installations.status = 'uninstalled' AND installations.uninstalled_seen_at < ${before} AND messages.created_at < ${before}
      LIMIT ${maxDeletedAtOnce})`;
}

/**
 * Deletes the messages of locations that are not known as ever installed, where they came before `before`: HighLevel signs the webhooks
 * of all apps with one key, so anything may arrive. A step looks at one row of each location, not at each message.
 *
 * @returns how many are gone
 */
export async function purgeUnknownLocationMessages(deps: Pick<StoreDeps, 'db'>, before: Date): Promise<number> {
  return deps.db.client.$executeRaw`
    DELETE FROM messages WHERE id IN (
      WITH RECURSIVE location_ids AS (
        SELECT min(location_id) AS id FROM messages
        UNION ALL
        SELECT (SELECT min(location_id) FROM messages WHERE location_id > location_ids.id) FROM location_ids WHERE location_ids.id IS NOT NULL)
      SELECT old.id FROM location_ids CROSS JOIN LATERAL (
        SELECT messages.id FROM messages
        WHERE messages.location_id = location_ids.id AND messages.created_at < ${before} ORDER BY messages.id LIMIT ${maxDeletedAtOnce}) AS old
      WHERE NOT EXISTS (SELECT 1 FROM installations WHERE kind = 'location' AND resource_id = location_ids.id)
      LIMIT ${maxDeletedAtOnce})`;
}
