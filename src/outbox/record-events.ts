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
    SELECT m.id, m.location_id, t.state, t."reasonCode", t.reason,
      CASE WHEN m.direction = 'inbound' AND NOT m.sent_externally AND t.state = 'delivered' THEN 'reply_received'
        WHEN m.direction = 'inbound' OR m.is_test THEN NULL
        WHEN t.state = 'failed' THEN 'message_failed'
        WHEN t.state IN ('delivered', 'read') AND m.state NOT IN ('delivered', 'read') THEN 'message_delivered' END AS kind,
      CASE WHEN m.direction = 'inbound' AND NOT m.sent_externally AND t.state = 'delivered' THEN 'message.received'
        WHEN m.direction = 'outbound' AND NOT m.is_test AND t.state <> 'pending' THEN 'message.' || t.state END AS type
    FROM json_to_recordset(${changed}::json) AS t (id uuid, state message_state, "reasonCode" text, reason text)
    JOIN messages m ON m.id = t.id AND m.state <> t.state),
  trigger_events_added AS (
    INSERT INTO trigger_events (id, location_id, trigger_id, kind, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), changes.location_id, s.trigger_id, changes.kind, changes.id, ${toFacts('changes')}, ${now}::timestamptz, ${now}::timestamptz
    FROM message_changes AS changes JOIN trigger_subscriptions s ON s.location_id = changes.location_id AND s.kind = changes.kind),
  webhook_events_added AS (
    INSERT INTO webhook_events (id, endpoint_id, location_id, type, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), w.id, changes.location_id, changes.type, changes.id, ${toFacts('changes')}, ${now}::timestamptz, ${now}::timestamptz
    FROM message_changes AS changes
    JOIN webhook_endpoints w ON w.location_id = changes.location_id AND changes.type = ANY (w.event_types) AND w.disabled_at IS NULL)`;
}

function toFacts(row: string): string {
  return `jsonb_build_object('state', ${row}.state, 'reasonCode', ${row}."reasonCode", 'reason', ${row}.reason)`;
}

/**
 * Builds the part of a WITH that writes the events of messages that a vendor has accepted: their state stays pending, so they are no change of
 * state.
 *
 * @param changed as for {@link insertEventsCte}
 * @param attempts the part that ends attempts, with `message_id` and `outcome`
 */
export function insertAcceptedEventsCte(now: string, changed: string, attempts: string): string {
  return `accepted_events_added AS (
    INSERT INTO webhook_events (id, endpoint_id, location_id, type, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), w.id, w.location_id, 'message.accepted', m.id, jsonb_build_object('state', 'pending'),
      ${now}::timestamptz, ${now}::timestamptz
    FROM ${attempts} ended JOIN json_to_recordset(${changed}::json) AS t (id uuid, "locationId" text) ON t.id = ended.message_id
    JOIN webhook_endpoints w ON w.location_id = t."locationId" AND 'message.accepted' = ANY (w.event_types) AND w.disabled_at IS NULL
    JOIN messages m ON m.id = t.id AND NOT m.is_test
    WHERE ended.outcome = 'accepted')`;
}

/** Builds the parts of a WITH that write the events of messages that are stored as failed. @param stored the part that inserts them */
export function insertFailedEventsCte(now: string, stored: string): string {
  const facts = `jsonb_build_object('state', m.state, 'reasonCode', m.reason_code, 'reason', m.reason)`;
  return `trigger_events_added AS (
    INSERT INTO trigger_events (id, location_id, trigger_id, kind, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), m.location_id, s.trigger_id, s.kind, m.id, ${facts}, ${now}::timestamptz, ${now}::timestamptz
    FROM ${stored} m JOIN trigger_subscriptions s ON s.location_id = m.location_id AND s.kind = 'message_failed'
    WHERE m.state = 'failed'),
  webhook_events_added AS (
    INSERT INTO webhook_events (id, endpoint_id, location_id, type, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), w.id, m.location_id, 'message.failed', m.id, ${facts}, ${now}::timestamptz, ${now}::timestamptz
    FROM ${stored} m JOIN webhook_endpoints w ON w.location_id = m.location_id AND 'message.failed' = ANY (w.event_types) AND w.disabled_at IS NULL
    WHERE m.state = 'failed')`;
}
