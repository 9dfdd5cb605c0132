import type { Executor } from '../database/client.ts';
import type { TriggerKind } from './trigger-kinds.ts';

/** An event that is not about a message. */
export interface OtherEvent {
  readonly kind: Extract<TriggerKind, 'opted_out' | 'channel_held'>;
  readonly locationId: string;
  readonly connectionId: string | null;
  readonly address?: string;
  /** What may have changed by the time it fires. */
  readonly facts: Readonly<Record<string, string | null>>;
}

/**
 * Writes an event for each subscription of its location, in the transaction that caused it: a crash loses none, and a rolled back
 * transaction leaves none.
 */
export function recordTriggerEvent(tx: Executor, event: OtherEvent, now: Date): Promise<void> {
  return recordTriggerEvents(tx, [event], now);
}

/** Writes several events as {@link recordTriggerEvent} does, in one statement. */
export async function recordTriggerEvents(tx: Executor, events: readonly OtherEvent[], now: Date): Promise<void> {
  await tx.$executeRaw`
    INSERT INTO trigger_events (id, location_id, trigger_id, kind, connection_id, address, facts, due_at, created_at)
    SELECT gen_random_uuid(), s.location_id, s.trigger_id, s.kind, event."connectionId", event.address, event.facts,
      ${now}::timestamptz, ${now}::timestamptz
    FROM json_to_recordset(${JSON.stringify(events)}::json)
      AS event (kind text, "locationId" text, "connectionId" uuid, address text, facts jsonb)
    JOIN trigger_subscriptions s ON s.location_id = event."locationId" AND s.kind = event.kind`;
}

/**
 * Builds the part of a WITH that writes the events of changed messages: one row for each subscription of their location. It belongs to the
 * statement that changes the messages, whose snapshot still shows their state before. So a location without subscriptions costs one probe
 * of an index, no statement and no round trip; a cache in each process was rejected, as a trigger that was added a second ago would not
 * fire.
 *
 * @param now a parameter with the time
 * @param changed a parameter with the changed messages as JSON, as `updateMessagesCte` takes them
 */
export function insertTriggerEventsCte(now: string, changed: string): string {
  return `trigger_changes AS MATERIALIZED (
    SELECT m.id, m.location_id, t.state, t."reasonCode", t.reason,
      CASE WHEN m.direction = 'inbound' AND NOT m.sent_externally AND t.state = 'delivered' THEN 'reply_received'
        WHEN m.direction = 'inbound' OR m.is_test THEN NULL
        WHEN t.state = 'failed' THEN 'message_failed'
        WHEN t.state IN ('delivered', 'read') AND m.state NOT IN ('delivered', 'read') THEN 'message_delivered' END AS kind
    FROM json_to_recordset(${changed}::json) AS t (id uuid, state message_state, "reasonCode" text, reason text)
    JOIN messages m ON m.id = t.id AND m.state <> t.state),
  trigger_events_added AS (
    INSERT INTO trigger_events (id, location_id, trigger_id, kind, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), changes.location_id, s.trigger_id, changes.kind, changes.id,
      jsonb_build_object('state', changes.state, 'reasonCode', changes."reasonCode", 'reason', changes.reason), ${now}::timestamptz, ${now}::timestamptz
    FROM trigger_changes AS changes JOIN trigger_subscriptions s ON s.location_id = changes.location_id AND s.kind = changes.kind)`;
}

/** Builds the part of a WITH that writes the events of messages that are stored as failed. @param stored the part that inserts them */
export function insertFailedEventsCte(now: string, stored: string): string {
  return `trigger_events_added AS (
    INSERT INTO trigger_events (id, location_id, trigger_id, kind, message_id, facts, due_at, created_at)
    SELECT gen_random_uuid(), m.location_id, s.trigger_id, s.kind, m.id,
      jsonb_build_object('state', m.state, 'reasonCode', m.reason_code, 'reason', m.reason), ${now}::timestamptz, ${now}::timestamptz
    FROM ${stored} m JOIN trigger_subscriptions s ON s.location_id = m.location_id AND s.kind = 'message_failed'
    WHERE m.state = 'failed')`;
}
