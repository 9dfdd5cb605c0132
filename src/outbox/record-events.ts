import type { Executor } from '../database/client.ts';
import { type OutboxKind, outboxKinds } from './webhook-types.ts';

/** An event that is not about a message. */
export interface OutboxEvent {
  readonly kind: OutboxKind;
  readonly locationId: string;
  readonly connectionId: string | null;
  readonly address?: string;
  /** What may have changed by the time it fires. */
  readonly facts: Readonly<Record<string, string | null>>;
}

/**
 * Writes an event for each subscription and each endpoint of its location, in the transaction that caused it: a crash loses none, and a
 * rolled back transaction leaves none.
 */
export function recordEvent(tx: Executor, event: OutboxEvent, now: Date): Promise<void> {
  return recordEvents(tx, [event], now);
}

/** Writes several events as {@link recordEvent} does, in one statement. */
export async function recordEvents(tx: Executor, events: readonly OutboxEvent[], now: Date): Promise<void> {
  const given = events.map((event) => ({ ...event, type: outboxKinds[event.kind] }));
  await tx.$executeRaw`
    WITH given AS MATERIALIZED (
      SELECT * FROM json_to_recordset(${JSON.stringify(given)}::json)
        AS event (kind text, type text, "locationId" text, "connectionId" uuid, address text, facts jsonb)),
    trigger_events_added AS (
      INSERT INTO trigger_events (id, location_id, trigger_id, kind, connection_id, address, facts, due_at, created_at)
      SELECT gen_random_uuid(), s.location_id, s.trigger_id, s.kind, given."connectionId", given.address, given.facts,
        ${now}::timestamptz, ${now}::timestamptz
      FROM given JOIN trigger_subscriptions s ON s.location_id = given."locationId" AND s.kind = given.kind)
    INSERT INTO webhook_events (id, endpoint_id, location_id, type, connection_id, address, facts, due_at, created_at)
    SELECT gen_random_uuid(), w.id, w.location_id, given.type, given."connectionId", given.address, given.facts,
      ${now}::timestamptz, ${now}::timestamptz
    FROM given JOIN webhook_endpoints w ON w.location_id = given."locationId" AND given.type = ANY (w.event_types) AND w.disabled_at IS NULL`;
}

/**
 * Builds the parts of a WITH that write the events of changed messages: one row for each subscription and each endpoint of their location.
 * They belong to the statement that changes the messages, whose snapshot still shows their state before. So a location without any costs a
 * probe of two indexes, no statement and no round trip; a cache in each process was rejected, as a trigger that was added a second ago would
 * not fire.
 *
 * @param now a parameter with the time
 * @param changed a parameter with the changed messages as JSON, as `updateMessagesCte` takes them
 */
export function insertEventsCte(now: string, changed: string): string {
  return `message_changes AS MATERIALIZED (
    SELECT m.id, m.location_id,
      jsonb_build_object('state', t.state, 'reasonCode', t."reasonCode", 'reason', t.reason) AS facts,
      CASE WHEN m.direction = 'inbound' AND NOT m.sent_externally AND t.state = 'delivered' THEN 'reply_received'
        WHEN m.direction = 'inbound' OR m.is_test THEN NULL
        WHEN t.state = 'failed' THEN 'message_failed'
        WHEN t.state IN ('delivered', 'read') AND m.state NOT IN ('delivered', 'read') THEN 'message_delivered' END AS kind,
      CASE WHEN m.direction = 'inbound' AND NOT m.sent_externally AND t.state = 'delivered' THEN 'message.received'
        WHEN m.direction = 'outbound' AND NOT m.is_test AND t.state <> 'pending' THEN 'message.' || t.state END AS type
    FROM json_to_recordset(${changed}::json) AS t (id uuid, state message_state, "reasonCode" text, reason text)
    JOIN messages m ON m.id = t.id AND m.state <> t.state),
  trigger_events_added AS (${insertTriggerEvents(now, 'message_changes')}),
  webhook_events_added AS (${insertWebhookEvents(now, 'message_changes')})`;
}

/** Returns the INSERT of an event for each subscription. @param rows with `location_id`, `id` of a message, `kind` and `facts` */
function insertTriggerEvents(now: string, rows: string): string {
  return `INSERT INTO trigger_events (id, location_id, trigger_id, kind, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), r.location_id, s.trigger_id, s.kind, r.id, r.facts, ${now}::timestamptz, ${now}::timestamptz
    FROM ${rows} AS r JOIN trigger_subscriptions s ON s.location_id = r.location_id AND s.kind = r.kind`;
}

/** Returns the INSERT of an event for each endpoint. @param rows with `location_id`, `id` of a message, `type` and `facts` */
function insertWebhookEvents(now: string, rows: string): string {
  return `INSERT INTO webhook_events (id, endpoint_id, location_id, type, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), w.id, r.location_id, r.type, r.id, r.facts, ${now}::timestamptz, ${now}::timestamptz
    FROM ${rows} AS r JOIN webhook_endpoints w ON w.location_id = r.location_id AND r.type = ANY (w.event_types) AND w.disabled_at IS NULL`;
}

/**
 * Builds the part of a WITH that writes the events of messages that a vendor has accepted: their state stays pending, so they are no change of
 * state.
 *
 * @param changed as for {@link insertEventsCte}
 * @param attempts the part that ends attempts, with `message_id` and `outcome`
 */
export function insertAcceptedEventsCte(now: string, changed: string, attempts: string): string {
  const accepted = `(
    SELECT t."locationId" AS location_id, m.id, 'message.accepted' AS type, jsonb_build_object('state', 'pending') AS facts
    FROM ${attempts} ended JOIN json_to_recordset(${changed}::json) AS t (id uuid, "locationId" text) ON t.id = ended.message_id
    JOIN messages m ON m.id = t.id AND NOT m.is_test WHERE ended.outcome = 'accepted')`;
  return `accepted_events_added AS (${insertWebhookEvents(now, accepted)})`;
}

/** Builds the parts of a WITH that write the events of messages that are stored as failed. @param stored the part that inserts them */
export function insertFailedEventsCte(now: string, stored: string): string {
  const failed = `(
    SELECT location_id, id, 'message_failed' AS kind, 'message.failed' AS type,
      jsonb_build_object('state', state, 'reasonCode', reason_code, 'reason', reason) AS facts
    FROM ${stored} WHERE state = 'failed')`;
  return `trigger_events_added AS (${insertTriggerEvents(now, failed)}),
  webhook_events_added AS (${insertWebhookEvents(now, failed)})`;
}
