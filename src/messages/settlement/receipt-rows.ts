import type { Database, MessageState, Prisma, SqlExecutor } from '../../database/client.ts';

/** A receipt to store: of a message, or of a vendor's id that no message has yet. */
export type NewReceipt = Prisma.ReceiptCreateManyInput & { id: string };

/**
 * Stores new receipts, and counts repeats of receipts that are stored for the same send: vendors repeat them by the thousand. Their messages,
 * or their vendor's ids, are locked.
 */
export async function storeReceipts(tx: SqlExecutor, receipts: readonly NewReceipt[]): Promise<void> {
  const groups = Map.groupBy(
    receipts,
    ({ connectionId, messageId, externalId, state, recipient, part, code, reason, occurredAt }) => {
      // The time of a failure shows whether it is a repeat of one from before a resend.
      const more = state === 'failed' ? [code, reason, occurredAt] : state === 'pending' ? [code] : [];
      return JSON.stringify([connectionId, messageId, messageId ? null : externalId, state, recipient, part, ...more]);
    },
  );
  const rows = [...groups.values()].map(([first, ...repeated]) => ({ ...(first as NewReceipt), repeats: repeated.length }));
  if (rows.length > 0) await tx.$executeRawUnsafe(storeSql, JSON.stringify(rows));
}

/** Maximum of one send. A later receipt still changes its message, and counts as a repeat. */
const maxReceipts = 1_000;

/**
 * A repeat of an unmatched receipt updates its time: it may be of an attempt that started in between. A receipt over the limit counts as a
 * repeat of the newest receipt, if possible of one with the same state.
 */
const storeSql = `
  WITH received AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS s (id uuid, "connectionId" uuid, "messageId" uuid, "externalId" text, state message_state,
      recipient text, part smallint, "partCount" smallint, code text, reason text, "occurredAt" timestamptz, "receivedAt" timestamptz,
      repeats int)),
  -- Read once for all receipts of a message: there may be many received and many stored.
  stored AS MATERIALIZED (
    SELECT r.* FROM receipts r JOIN messages m ON m.id = r.message_id
    WHERE r.message_id IN (SELECT "messageId" FROM received) AND (m.idempotency_reset_at IS NULL OR r.received_at >= m.idempotency_reset_at)
    UNION ALL
    SELECT r.* FROM receipts r JOIN (SELECT DISTINCT "connectionId", "externalId" FROM received WHERE "messageId" IS NULL) AS s
      ON r.connection_id = s."connectionId" AND r.external_id = s."externalId" AND r.message_id IS NULL),
  same AS (
    SELECT DISTINCT ON (received.id) received.id, stored.id AS first FROM received JOIN stored
      ON ${sameKey('received', '"messageId"', '"externalId"', '"occurredAt"')} = ${sameKey('stored', 'message_id', 'external_id', 'occurred_at')}
      AND received."connectionId" = stored.connection_id
    ORDER BY received.id),
  full_messages AS (
    SELECT message_id, (array_agg(id ORDER BY id DESC))[1] AS last,
      jsonb_object_agg(state, id ORDER BY id) AS last_of
    FROM stored WHERE message_id IS NOT NULL GROUP BY message_id HAVING count(*) >= ${maxReceipts}),
  matched AS (
    SELECT received.*, COALESCE(same.first, (f.last_of ->> received.state::text)::uuid, f.last) AS first
    FROM received LEFT JOIN same ON same.id = received.id LEFT JOIN full_messages f ON f.message_id = received."messageId"),
  counted AS (
    UPDATE receipts SET repeat_count = receipts.repeat_count + again.count, event_order = nextval('event_order'),
      received_at = CASE WHEN receipts.message_id IS NULL THEN again.at ELSE receipts.received_at END
    FROM (SELECT first, sum(repeats + 1)::int AS count, max("receivedAt") AS at FROM matched WHERE first IS NOT NULL GROUP BY first) AS again
    WHERE receipts.id = again.first)
  INSERT INTO receipts (id, connection_id, message_id, external_id, state, recipient, part, part_count, code, reason, occurred_at, received_at,
    repeat_count, event_order)
  SELECT id, "connectionId", "messageId", "externalId", state, recipient, part, "partCount", code, reason, "occurredAt", "receivedAt",
    repeats, nextval('event_order')
  FROM matched WHERE first IS NULL`;

/** Builds the value in which repeats of a receipt are equal. One value allows a hash join: its cost is the sum of both sides, not the product. */
function sameKey(of: string, messageId: string, externalId: string, occurredAt: string): string {
  return `jsonb_build_array(${of}.${messageId}, CASE WHEN ${of}.${messageId} IS NULL THEN ${of}.${externalId} END, ${of}.state, ${of}.recipient, ${of}.part,
    CASE ${of}.state WHEN 'failed' THEN jsonb_build_array(${of}.code, ${of}.reason, ${of}.${occurredAt})
      WHEN 'pending' THEN jsonb_build_array(${of}.code) END)`;
}

/** A vendor's id, given to a message, or to a part of it, by the attempt that ends now. Null as its part: an alias of the whole message. */
export interface ExternalIdMatch {
  readonly messageId: string;
  readonly connectionId: string;
  readonly externalId: string;
  readonly part: number | null;
  /** Number of parts, as far as they are known. */
  readonly partCount: number;
}

/** A receipt that came before the response that names its message. */
export interface EarlyReceipt {
  readonly id: string;
  readonly messageId: string;
  /** Its vendor's id has been another message's until now; that message keeps the receipt, too. */
  readonly isOfAnother: boolean;
  readonly recipient: string | null;
  /** Null for a message that is sent as one. */
  readonly part: number | null;
  readonly partCount: number | null;
  readonly state: MessageState;
  readonly code: string | null;
  readonly reason: string | null;
}

/** Builds the condition of attempts that the vendor may have accepted. */
export function possiblyAcceptedCondition(attempt: string): string {
  return `(${attempt}.outcome IS NULL OR ${attempt}.outcome NOT IN ('rejected', 'unavailable', 'connection_error'))`;
}

/**
 * Reads the receipts that came before the responses which name their messages. Vendors reuse ids, so a receipt counts only when it came
 * after an attempt of this send that the vendor may have accepted; it belongs to the message whose attempt was the last to start before it.
 * It is only read here and written with the rest: a receipt with a message holds a share lock on it, and the messages are not locked yet.
 */
export async function readEarlyReceipts(tx: SqlExecutor, matches: readonly ExternalIdMatch[]): Promise<EarlyReceipt[]> {
  if (matches.length === 0) return [];
  return tx.$queryRawUnsafe<EarlyReceipt[]>(earlyReceiptsSql, JSON.stringify(matches));
}

/** Rows of earlier versions have no `event_order`: there the times count. */
const earlyReceiptsSql = `
  SELECT * FROM (
    SELECT DISTINCT ON (r.id) r.id, l."messageId", r.message_id IS NOT NULL AS "isOfAnother", r.recipient, r.state, r.code, r.reason,
      CASE WHEN l."partCount" > 1 THEN l.part END AS part, CASE WHEN l.part IS NOT NULL AND l."partCount" > 1 THEN l."partCount" END AS "partCount"
    FROM json_to_recordset($1::json) AS l ("messageId" uuid, "connectionId" uuid, "externalId" text, part int, "partCount" int)
    JOIN messages m ON m.id = l."messageId"
    JOIN receipts r ON r.connection_id = l."connectionId" AND r.external_id = l."externalId" AND r.message_id IS DISTINCT FROM m.id
    CROSS JOIN LATERAL (
      SELECT a.event_order FROM attempts a
      WHERE a.message_id = m.id AND a.connection_id = l."connectionId" AND ${possiblyAcceptedCondition('a')}
        AND a.started_at >= COALESCE(m.idempotency_reset_at, '-infinity')
        AND COALESCE(a.event_order < r.event_order, a.started_at <= r.received_at)
      ORDER BY a.event_order DESC NULLS LAST LIMIT 1) AS began
    WHERE r.message_id IS NULL OR began.event_order > COALESCE((
      SELECT max(other.event_order) FROM attempts other
      WHERE other.message_id = r.message_id AND ${possiblyAcceptedCondition('other')} AND other.event_order < r.event_order), 0)
    ORDER BY r.id, began.event_order DESC NULLS LAST) AS early
  ORDER BY id`;

/** Maximum of a connection. A vendor may send receipts of all messages of its account; those of this app are among the newest. */
const maxUnnamedReceipts = 10_000;

/** Deletes the oldest unmatched receipts of connections that have too many: they must not fill the disk. */
export async function trimUnnamedReceipts({ client }: Database): Promise<void> {
  // Rows that another transaction has locked are left to the next run.
  await client.$executeRaw`
    DELETE FROM receipts WHERE id IN (
      SELECT id FROM receipts WHERE message_id IS NULL AND id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY connection_id ORDER BY received_at DESC, id DESC) AS place
          FROM receipts WHERE message_id IS NULL) AS unnamed
        WHERE place > ${maxUnnamedReceipts})
      FOR UPDATE SKIP LOCKED)`;
}
