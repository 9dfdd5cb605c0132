import { dateNow } from '../core/clock.ts';
import type { Executor, Prisma } from '../database/client.ts';
import { location } from '../highlevel/client.ts';
import { type QueueName, runGroupNow, runNow } from '../queue/job.ts';
import { rateLimitKey } from '../queue/rate-limits.ts';
import { mayHaveArrived } from './attempts.ts';
import { reason } from './reasons.ts';
import { type Change, changeMessages, lockMessages, movedTo, type StoreDeps, stillPending } from './store.ts';

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
export async function goOn(deps: StoreDeps, tx: Executor, locationId: string): Promise<void> {
  const waiting = { locationId, state: 'pending', reasonCode: { in: waitingForLocation } } as const;
  await wakeThose(deps, tx, 'deliver', { ...waiting, direction: 'outbound' });
  await runGroupNow(tx, 'tell', rateLimitKey.highLevel(location(locationId)), dateNow(deps.clock));
}

/** HighLevel allows again what it had refused to a location: what has waited for that goes on now. */
export function resumeReports(deps: StoreDeps, locationId: string): Promise<void> {
  return deps.db.transaction(async (tx) => {
    const waiting = { locationId, state: 'pending', reasonCode: 'highlevel_forbidden' } as const;
    await wakeThose(deps, tx, 'deliver', { ...waiting, direction: 'outbound' });
    await runGroupNow(tx, 'tell', rateLimitKey.highLevel(location(locationId)), dateNow(deps.clock));
  });
}

async function wakeThose(deps: StoreDeps, tx: Executor, kind: QueueName, where: Prisma.MessageWhereInput): Promise<void> {
  const found = await tx.message.findMany({ where, select: { id: true } });
  const ids = found.map(({ id }) => id);
  await runNow(tx, kind, ids, dateNow(deps.clock));
}

/** What is queued and was not sent: neither in hand at this moment, nor taken by its far side, nor of unknown fate. */
const queued = (locationId: string) =>
  ({
    locationId,
    direction: 'outbound',
    state: 'pending',
    unknownSince: null,
    AND: [{ OR: [{ reasonCode: null }, { reasonCode: { not: 'awaiting_receipt' } }] }],
    attempts: { none: { endedAt: null } },
  }) as const satisfies Prisma.MessageWhereInput;

/** The app is uninstalled there: what is queued fails, with the reason. What is being sent ends as it ends. */
export async function giveUp(deps: StoreDeps, locationId: string): Promise<void> {
  for (;;) {
    const found = await deps.db.client.message.findMany({
      where: queued(locationId),
      select: { id: true },
      orderBy: { id: 'asc' },
      take: batchSize,
    });
    for (const { id } of found) await giveUpOne(deps, locationId, id);
    if (found.length < batchSize) return;
  }
}

function giveUpOne(deps: StoreDeps, locationId: string, id: string): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await lockMessages(tx, [id]);
    // A send may have begun since it was found.
    const message = await tx.message.findFirst({ where: { ...queued(locationId), id }, select: { id: true, resentAt: true } });
    if (!message) return;
    const why = reason('uninstalled');
    const asking = { unknownSince: dateNow(deps.clock), nextAttemptAt: null };
    const change: Change = (await mayHaveArrived(tx, message))
      ? (current) => stillPending(current, why, asking)
      : (current) => movedTo(current, 'failed', why);
    await changeMessages(deps, tx, new Map([[id, change]]));
  });
}

/** How many of those failures HighLevel has neither taken nor refused because our token is gone. */
export function unreported(deps: StoreDeps, locationId: string): Promise<number> {
  return deps.db.client.message.count({
    where: {
      locationId,
      state: 'failed',
      reasonCode: 'uninstalled',
      reportedState: null,
      highlevelMessageId: { not: null },
      reports: { none: { httpStatus: 401 } },
    },
  });
}

const deleteAtMost = 1_000;

/** Deletes the messages of locations that were uninstalled before `before`, some at a time. @returns how many are gone */
export async function forgetMessages(deps: Pick<StoreDeps, 'db'>, before: Date): Promise<number> {
  return deps.db.client.$executeRaw`
    DELETE FROM messages WHERE id IN (
      SELECT messages.id FROM messages JOIN installations
        ON installations.kind = 'location' AND installations.resource_id = messages.location_id
      WHERE installations.status = 'uninstalled' AND installations.gone_at < ${before} AND messages.created_at < ${before}
      LIMIT ${deleteAtMost})`;
}

/**
 * Deletes the messages of locations that are not known as ever installed, where they came before `before`: HighLevel signs the webhooks
 * of all apps with one key, so anything may arrive. A step looks at one row of each location, not at each message.
 *
 * @returns how many are gone
 */
export async function forgetStrangersMessages(deps: Pick<StoreDeps, 'db'>, before: Date): Promise<number> {
  return deps.db.client.$executeRaw`
    DELETE FROM messages WHERE id IN (
      WITH RECURSIVE places AS (
        SELECT min(location_id) AS id FROM messages
        UNION ALL
        SELECT (SELECT min(location_id) FROM messages WHERE location_id > places.id) FROM places WHERE places.id IS NOT NULL)
      SELECT old.id FROM places CROSS JOIN LATERAL (
        SELECT messages.id FROM messages
        WHERE messages.location_id = places.id AND messages.created_at < ${before} ORDER BY messages.id LIMIT ${deleteAtMost}) AS old
      WHERE NOT EXISTS (SELECT 1 FROM installations WHERE kind = 'location' AND resource_id = places.id)
      LIMIT ${deleteAtMost})`;
}
