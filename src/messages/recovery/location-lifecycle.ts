import { toProviderGroupKey } from '../../connections/queue-group.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database, Executor, Prisma } from '../../database/client.ts';
import { toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { releaseEvents } from '../../outbox/claims.ts';
import { listQueuedInGroups } from '../../queue/sql/list-queued.ts';
import { runGroupNow, runNow } from '../../queue/sql/reschedule-jobs.ts';
import { deadLetterCondition } from '../model/dead-letter-condition.ts';
import { getReason, type ReasonCode } from '../model/reasons.ts';
import { keepPending, type MessageChange, transitionTo } from '../model/transitions.ts';
import { resumeMirrors } from '../opt-outs/mirror-rows.ts';
import { mayHaveArrived } from '../outbound/attempts.ts';
import { lockMessages } from '../settlement/locks.ts';

/** Reasons for which messages wait until their location can be served again. */
const locationReasons = [
  'installation_missing',
  'uninstalled',
  'location_inactive',
  'reauth_required',
  'app_not_configured',
  'highlevel_forbidden',
];
const batchSize = 200;

/** Runs at once the jobs and the triggers that waited for a location, instead of at the end of their backoff. */
export async function releaseWaiting(deps: { clock: Clock }, tx: Executor, locationId: string): Promise<void> {
  await runDeliveriesNow(tx, locationId, locationReasons, dateNow(deps.clock));
  await runHighLevelJobsNow(tx, locationId, dateNow(deps.clock));
  await resumeMirrors(tx, locationId, dateNow(deps.clock));
  await releaseEvents(tx, locationId, dateNow(deps.clock));
}

/** Runs at once the jobs that waited for a permission, after HighLevel has granted it to the location again. */
export function resumeReports(deps: { db: Database; clock: Clock }, locationId: string): Promise<void> {
  return deps.db.transaction(async (tx) => {
    await runDeliveriesNow(tx, locationId, ['highlevel_forbidden'], dateNow(deps.clock));
    await runHighLevelJobsNow(tx, locationId, dateNow(deps.clock));
    await resumeMirrors(tx, locationId, dateNow(deps.clock));
  });
}

/** Runs at once the sends of a location that wait for one of these reasons. They are found by their jobs: the location may have a million messages. */
async function runDeliveriesNow(tx: Executor, locationId: string, reasons: readonly string[], now: Date): Promise<void> {
  const queued = await listQueuedDeliveries(tx, locationId);
  const found = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text AS id FROM messages
    WHERE id = ANY (${queued}::uuid[]) AND state = 'pending' AND reason_code = ANY (${[...reasons]}::text[])`;
  const ids = found.map(({ id }) => id);
  await runNow(tx, 'deliver', ids, now);
}

function listQueuedDeliveries(on: Executor, locationId: string): Promise<string[]> {
  return listQueuedInGroups(on, 'deliver', toProviderGroupKey({ locationId, providerKey: '' }));
}

function runHighLevelJobsNow(tx: Executor, locationId: string, now: Date): Promise<void> {
  return runGroupNow(tx, 'highlevel', toHighLevelGroupKey(toLocationOwner(locationId)), now);
}

/** Returns the condition of queued messages: not being sent, not accepted by a vendor, not of unknown outcome. */
const toQueuedFilter = (locationId: string) =>
  ({
    locationId,
    direction: 'outbound',
    state: 'pending',
    heldForReviewAt: null,
    AND: [{ OR: [{ reasonCode: null }, { reasonCode: { not: 'awaiting_receipt' } }] }],
    attempts: { none: { endedAt: null } },
  }) as const satisfies Prisma.MessageWhereInput;

export interface CancelQueuedDeps {
  db: Database;
  clock: Clock;
  updateMessages(tx: Executor, changes: ReadonlyMap<string, MessageChange>): Promise<void>;
}

/** Fails the queued messages of a location that has uninstalled the app. A send that is running finishes with its own outcome. */
export async function cancelQueued(deps: CancelQueuedDeps, locationId: string): Promise<void> {
  const { client } = deps.db;
  const filter = toQueuedFilter(locationId);
  const queued = await listQueuedDeliveries(client, locationId);
  for (let n = 0; n < queued.length; n += batchSize) {
    const where = { ...filter, id: { in: queued.slice(n, n + batchSize) } };
    const found = await client.message.findMany({ where, select: { id: true }, orderBy: { id: 'asc' } });
    for (const { id } of found) await cancelOne(deps, { ...filter, id }, 'uninstalled');
  }
}

/** Fails the queued messages to a contact whose data is erased. */
export function cancelQueuedTo(
  deps: CancelQueuedDeps,
  locationId: string,
  recipient: { contactId: string } | { addresses: readonly string[] },
): Promise<void> {
  const only = 'contactId' in recipient ? recipient : { contactId: null, to: { in: [...recipient.addresses] } };
  return cancelMatching(deps, { ...toQueuedFilter(locationId), ...only }, 'contact_erased');
}

async function cancelMatching(deps: CancelQueuedDeps, filter: Prisma.MessageWhereInput, reason: ReasonCode): Promise<void> {
  for (let after: string | undefined; ; ) {
    const found = await deps.db.client.message.findMany({
      where: { ...filter, ...(after ? { id: { gt: after } } : {}) },
      select: { id: true },
      orderBy: { id: 'asc' },
      take: batchSize,
    });
    for (const { id } of found) await cancelOne(deps, { ...filter, id }, reason);
    if (found.length < batchSize) return;
    after = found.at(-1)?.id;
  }
}

function cancelOne(
  { db, clock, updateMessages }: CancelQueuedDeps,
  filter: Prisma.MessageWhereInput & { id: string },
  reason: ReasonCode,
): Promise<void> {
  const { id } = filter;
  return db.transaction(async (tx) => {
    await lockMessages(tx, [id]);
    // A send may have started since the message was found.
    const message = await tx.message.findFirst({ where: filter, select: { id: true, resentAt: true } });
    if (!message) return;
    const cancelReason = getReason(reason);
    const holdForReview = { heldForReviewAt: dateNow(clock), nextAttemptAt: null };
    const change: MessageChange = (await mayHaveArrived(tx, message))
      ? (current) => keepPending(current, cancelReason, holdForReview)
      : (current) => transitionTo(current, 'failed', cancelReason);
    await updateMessages(tx, new Map([[id, change]]));
  });
}

/** Counts the cancelled messages that HighLevel has neither accepted a report of nor rejected because our token is revoked. */
export async function countUnreported({ db }: { db: Database }, locationId: string): Promise<number> {
  const [row] = await db.client.$queryRaw<[{ count: number }]>`
    SELECT count(*)::int AS count FROM messages
    WHERE location_id = ${locationId} AND ${deadLetterCondition} AND state = 'failed' AND reason_code = 'uninstalled' AND reported_state IS NULL
      AND highlevel_message_id IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM report_attempts WHERE report_attempts.message_id = messages.id AND http_status = 401)`;
  return row.count;
}

const maxDeletedAtOnce = 1_000;

/** Deletes a batch of messages of locations that were uninstalled before `before`. @returns the number deleted */
export async function purgeMessages({ db }: { db: Database }, before: Date): Promise<number> {
  return db.client.$executeRaw`
    DELETE FROM messages WHERE id IN (
      SELECT messages.id FROM messages JOIN installations
        ON installations.kind = 'location' AND installations.resource_id = messages.location_id
      WHERE installations.status = 'uninstalled' AND installations.uninstalled_seen_at < ${before} AND messages.created_at < ${before}
      LIMIT ${maxDeletedAtOnce})`;
}

/** Deletes a batch of opt-outs of locations that were uninstalled before `before`: they outlive all messages, not the location. @returns the number deleted */
export async function purgeOptOuts({ db }: { db: Database }, before: Date): Promise<number> {
  return db.client.$executeRaw`
    DELETE FROM opt_outs WHERE id IN (
      SELECT opt_outs.id FROM opt_outs JOIN installations
        ON installations.kind = 'location' AND installations.resource_id = opt_outs.location_id
      WHERE installations.status = 'uninstalled' AND installations.uninstalled_seen_at < ${before}
      LIMIT ${maxDeletedAtOnce})`;
}

/** Deletes a batch of the addresses that vendors know contacts by, of connections that no longer exist. @returns the number deleted */
export async function purgeVendorAddresses({ db }: { db: Database }): Promise<number> {
  return db.client.$executeRaw`
    DELETE FROM vendor_addresses WHERE (connection_id, address) IN (
      SELECT connection_id, address FROM vendor_addresses
      WHERE NOT EXISTS (SELECT 1 FROM connections WHERE connections.id = vendor_addresses.connection_id)
      LIMIT ${maxDeletedAtOnce})`;
}

/**
 * Deletes a batch of messages that came before `before` for locations without an installation. HighLevel signs the webhooks of all apps
 * with one key, so webhooks of other apps' locations may arrive. The query reads one row per location, not each message.
 *
 * @returns the number deleted
 */
export async function purgeUnknownLocationMessages({ db }: { db: Database }, before: Date): Promise<number> {
  return db.client.$executeRaw`
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
