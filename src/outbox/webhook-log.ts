import { type Actor, audit } from '../audit/audit-log.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { formatCount } from '../core/format-count.ts';
import { minIdAt, type NewId } from '../core/ids.ts';
import { paginate } from '../core/pagination.ts';
import type { Database, WebhookEndpoint } from '../database/client.ts';
import { testWebhookType } from './webhook-types.ts';

export interface ReplayDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/** A replay of everything takes several requests, so that none runs for minutes. */
const maxReplayed = 10_000;

/** Lists the attempts at an endpoint, the newest first, each with what has become of its event. */
export async function listWebhookAttempts(
  db: Database,
  endpointId: string,
  { cursor, limit, failed }: { cursor?: string | undefined; limit: number; failed?: boolean | undefined },
) {
  const rows = await db.client.webhookAttempt.findMany({
    where: {
      endpointId,
      ...(cursor ? { id: { lt: cursor } } : {}),
      ...(failed ? { OR: [{ status: null }, { status: { notIn: successStatuses } }] } : {}),
    },
    orderBy: { id: 'desc' },
    take: limit + 1,
  });
  const { items, nextCursor } = paginate(rows, limit, ({ id }) => id);
  const events = await db.client.webhookEvent.findMany({ where: { id: { in: items.map(({ eventId }) => eventId) } } });
  const byId = new Map(events.map((event) => [event.id, event]));
  return {
    items: items.map((attempt) => ({
      ...attempt,
      outcome: (byId.get(attempt.eventId)?.outcome ?? null) as 'delivered' | 'failed' | null,
      nextAttemptAt: byId.get(attempt.eventId)?.dueAt ?? null,
      messageId: byId.get(attempt.eventId)?.messageId ?? null,
    })),
    nextCursor,
  };
}

const successStatuses = Array.from({ length: 100 }, (_, index) => 200 + index);

/** Counts the events of an endpoint by what has become of them; `null`: open. */
export async function countWebhookEvents(db: Database, endpointId: string): Promise<{ open: number; failed: number }> {
  const [open, failed] = await Promise.all([
    db.client.webhookEvent.count({ where: { endpointId, dueAt: { not: null } } }),
    db.client.webhookEvent.count({ where: { endpointId, outcome: 'failed' } }),
  ]);
  return { open, failed };
}

/**
 * Sends one event again, or all failed ones since a time, under their own ids: a receiver recognises what it has.
 *
 * @returns the number of events; at most 10,000 at a time
 * @throws AppError `conflict`: the endpoint is off; `not_found`: it has no such event
 */
export async function replayWebhooks(
  deps: ReplayDeps,
  endpoint: WebhookEndpoint,
  wanted: { eventId: string } | { since: Date },
  actor: Actor,
): Promise<number> {
  requireEnabled(endpoint);
  const { id: endpointId, locationId } = endpoint;
  const now = dateNow(deps.clock);
  return deps.db.transaction(async (tx) => {
    const count =
      'eventId' in wanted
        ? await tx.$executeRaw`
            UPDATE webhook_events SET due_at = ${now}, outcome = NULL, ended_at = NULL, attempt_count = 0
            WHERE id = ${wanted.eventId}::uuid AND endpoint_id = ${endpointId}::uuid`
        : await tx.$executeRaw`
            UPDATE webhook_events SET due_at = ${now}, outcome = NULL, ended_at = NULL, attempt_count = 0 WHERE id IN (
              SELECT id FROM webhook_events WHERE endpoint_id = ${endpointId}::uuid AND created_at >= ${wanted.since} AND outcome = 'failed'
              ORDER BY created_at LIMIT ${maxReplayed} FOR UPDATE SKIP LOCKED)`;
    if (count === 0 && 'eventId' in wanted) throw new AppError('not_found', 'This endpoint has no such event.');
    if (count > 0)
      await audit(tx, deps, { actor, action: 'webhooks_replayed', locationId, details: `${formatCount(count, 'event')}.` });
    return count;
  });
}

/** Sends an event that says that it is a test, whatever types the endpoint has chosen. @returns its id */
export async function sendTestWebhook(deps: ReplayDeps, endpoint: WebhookEndpoint): Promise<string> {
  requireEnabled(endpoint);
  const { id: endpointId, locationId } = endpoint;
  const now = dateNow(deps.clock);
  const row = { id: deps.newId(), endpointId, locationId, type: testWebhookType, facts: {}, dueAt: now, createdAt: now };
  await deps.db.client.webhookEvent.create({ data: row });
  return row.id;
}

function requireEnabled({ disabledAt }: WebhookEndpoint): void {
  if (disabledAt) throw new AppError('conflict', 'This webhook endpoint is disabled. Enable it first.');
}

/** Deletes a batch of events that ended before a time, and the attempts before it. @returns the number deleted */
export async function purgeWebhookEvents({ db }: { db: Database }, before: Date): Promise<number> {
  const attempts = await db.client.$executeRaw`
    DELETE FROM webhook_attempts WHERE id IN (
      SELECT id FROM webhook_attempts WHERE id < ${minIdAt(before)}::uuid ORDER BY id LIMIT 1000)`;
  const events = await db.client.$executeRaw`
    DELETE FROM webhook_events WHERE id IN (SELECT id FROM webhook_events WHERE ended_at < ${before} LIMIT 1000)`;
  return attempts + events;
}
