import { type Clock, dateNow } from '../core/clock.ts';
import type { Database, WebhookEndpoint, WebhookEvent } from '../database/client.ts';
import { type DisabledReason, disableEndpoint } from './webhook-endpoints.ts';

export type { WebhookEvent };

/** An event that this process sends until `claimedUntil`. */
export type ClaimedWebhook = WebhookEvent & { claimedUntil: Date };

/** Longer than an attempt takes: after this, another process takes over the events of one that was killed. */
const claimTtlMs = 2 * 60 * 1000;
const maxListed = 1_000;
/** Success is recorded at an endpoint at most this often: a busy one must not be a row that all its events lock. */
const successIntervalMs = 60_000;

/** An endpoint with events to send. */
export interface DueEndpoint {
  readonly endpointId: string;
  /** Its last attempt has failed. */
  readonly isFailing: boolean;
}

/**
 * Lists the endpoints whose events are due, the one that has waited longest first. It probes the index once for each endpoint with open
 * events: the backlog of a dead one costs the others no scan.
 */
export function listDueEndpoints({ db, clock }: { db: Database; clock: Clock }): Promise<DueEndpoint[]> {
  const now = dateNow(clock);
  return db.client.$queryRaw<DueEndpoint[]>`
    WITH RECURSIVE open AS (
      (SELECT endpoint_id FROM webhook_events WHERE due_at IS NOT NULL ORDER BY endpoint_id LIMIT 1)
      UNION ALL
      SELECT (SELECT e.endpoint_id FROM webhook_events e WHERE e.due_at IS NOT NULL AND e.endpoint_id > open.endpoint_id
        ORDER BY e.endpoint_id LIMIT 1)
      FROM open WHERE open.endpoint_id IS NOT NULL)
    SELECT open.endpoint_id::text AS "endpointId", COALESCE(w.failing_since IS NOT NULL, false) AS "isFailing"
    FROM open
    CROSS JOIN LATERAL (SELECT due_at FROM webhook_events e WHERE e.endpoint_id = open.endpoint_id AND e.due_at <= ${now}
      ORDER BY e.due_at LIMIT 1) AS first
    LEFT JOIN webhook_endpoints w ON w.id = open.endpoint_id
    ORDER BY first.due_at LIMIT ${maxListed}`;
}

/** Claims events of one endpoint, those that have been due longest first. */
export async function claimWebhooks(
  { db, clock }: { db: Database; clock: Clock },
  endpointId: string,
  maxCount: number,
): Promise<ClaimedWebhook[]> {
  const now = dateNow(clock);
  const claimedUntil = new Date(now.getTime() + claimTtlMs);
  const rows = await db.client.$queryRaw<{ id: string }[]>`
    UPDATE webhook_events SET due_at = ${claimedUntil} WHERE id IN (
      SELECT id FROM webhook_events WHERE endpoint_id = ${endpointId}::uuid AND due_at <= ${now}
      ORDER BY due_at LIMIT ${maxCount} FOR UPDATE SKIP LOCKED)
    RETURNING id::text`;
  if (rows.length === 0) return [];
  const events = await db.client.webhookEvent.findMany({
    where: { id: { in: rows.map(({ id }) => id) } },
    orderBy: [{ createdAt: 'asc' }, { id: 'asc' }],
  });
  return events.map((event) => ({ ...event, claimedUntil }));
}

export function findEndpoint(db: Database, id: string): Promise<WebhookEndpoint | null> {
  return db.client.webhookEndpoint.findUnique({ where: { id } });
}

/** Ends an event without an attempt: its endpoint was removed, or is off. */
export async function endWithoutAttempt(db: Database, { id, claimedUntil }: ClaimedWebhook, now: Date): Promise<void> {
  await db.client.webhookEvent.updateMany({
    where: { id, dueAt: claimedUntil },
    data: { outcome: 'failed', dueAt: null, endedAt: now },
  });
}

/** One attempt, as the log keeps it. */
export interface WebhookAttemptResult {
  readonly id: string;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly isSuccess: boolean;
  readonly status: number | null;
  /** Why there is no response. */
  readonly error: string | null;
  /** Beginning of the response. */
  readonly response: string | null;
}

/**
 * Records an attempt, what follows for its event, and the health of its endpoint.
 *
 * @param retryAt time of the next attempt; null after the last one
 * @param disables decides from the endpoint's failures whether it is switched off
 * @returns whether the endpoint was switched off
 */
export async function recordWebhookAttempt(
  db: Database,
  event: ClaimedWebhook,
  result: WebhookAttemptResult,
  retryAt: Date | null,
  disables: (failures: { since: Date; count: number }) => DisabledReason | null,
  now: Date,
): Promise<DisabledReason | null> {
  const { id, endpointId, claimedUntil, attemptCount } = event;
  const { isSuccess, ...attempt } = result;
  return db.transaction(async (tx) => {
    const outcome = isSuccess ? 'delivered' : retryAt ? null : 'failed';
    await tx.webhookEvent.updateMany({
      where: { id, dueAt: claimedUntil },
      data: { attemptCount: attemptCount + 1, outcome, dueAt: isSuccess ? null : retryAt, endedAt: outcome ? now : null },
    });
    await tx.webhookAttempt.create({ data: { ...attempt, eventId: id, endpointId, type: event.type } });
    if (isSuccess) {
      const before = new Date(now.getTime() - successIntervalMs);
      await tx.$executeRaw`
        UPDATE webhook_endpoints SET failing_since = NULL, failure_count = 0, last_success_at = ${now}
        WHERE id = ${endpointId}::uuid AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at < ${before})`;
      return null;
    }
    const [failures] = await tx.$queryRaw<{ since: Date; count: number }[]>`
      UPDATE webhook_endpoints SET failing_since = COALESCE(failing_since, ${now}), failure_count = failure_count + 1
      WHERE id = ${endpointId}::uuid AND disabled_at IS NULL RETURNING failing_since AS since, failure_count AS count`;
    const reason = failures ? disables(failures) : null;
    if (reason) await disableEndpoint(tx, endpointId, reason, now);
    return reason;
  });
}
