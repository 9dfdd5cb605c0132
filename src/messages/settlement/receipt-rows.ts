import type { Database, Executor, Prisma } from '../../database/client.ts';

/** A receipt as it is stored: of a message, or of a vendor's id that no message of ours has yet. */
export type NewReceipt = Omit<Prisma.ReceiptCreateManyInput, 'state'> & { id: string; state: 'delivered' | 'read' | 'failed' };

/**
 * Stores receipts that say something new, and counts those that say once more what is stored already of the same sending: vendors repeat
 * them by the thousand. Their messages, or their vendor's ids, are locked.
 */
export async function storeReceipts(tx: Executor, receipts: readonly NewReceipt[]): Promise<void> {
  const groups = Map.groupBy(
    receipts,
    ({ connectionId, messageId, externalId, state, recipient, code, reason, occurredAt }) => {
      // A failure that is told once more after its message was sent again is known by its time.
      const failure = state === 'failed' ? [code, reason, occurredAt] : [];
      return JSON.stringify([connectionId, messageId, messageId ? null : externalId, state, recipient, ...failure]);
    },
  );
  const rows = [...groups.values()].map(([first, ...repeated]) => ({ ...(first as NewReceipt), repeats: repeated.length }));
  if (rows.length > 0) await tx.$executeRawUnsafe(storeSql, JSON.stringify(rows));
}

/** Of one sending. A vendor that has said more has said it all; what comes then still changes its message. */
const maxReceipts = 1_000;

/**
 * A repeat of what names no message moves to its own time: it may be of an attempt that began in between. What reaches the limit counts as
 * a repeat of the newest receipt, if possible of one with the same state.
 */
const storeSql = `
  WITH said AS MATERIALIZED (
    SELECT * FROM json_to_recordset($1::json) AS s (id uuid, "connectionId" uuid, "messageId" uuid, "externalId" text, state message_state,
      recipient text, code text, reason text, "occurredAt" timestamptz, "receivedAt" timestamptz, repeats int)),
  -- Read once for all that is said of a message: there may be many of both.
  stored AS MATERIALIZED (
    SELECT r.* FROM receipts r JOIN messages m ON m.id = r.message_id
    WHERE r.message_id IN (SELECT "messageId" FROM said) AND (m.idempotency_reset_at IS NULL OR r.received_at >= m.idempotency_reset_at)
    UNION ALL
    SELECT r.* FROM receipts r JOIN (SELECT DISTINCT "connectionId", "externalId" FROM said WHERE "messageId" IS NULL) AS s
      ON r.connection_id = s."connectionId" AND r.external_id = s."externalId" AND r.message_id IS NULL),
  same AS (
    SELECT DISTINCT ON (said.id) said.id, stored.id AS first FROM said JOIN stored
      ON ${sameKey('said', '"messageId"', '"externalId"', '"occurredAt"')} = ${sameKey('stored', 'message_id', 'external_id', 'occurred_at')}
      AND said."connectionId" = stored.connection_id
    ORDER BY said.id),
  full_messages AS (
    SELECT message_id, (array_agg(id ORDER BY id DESC))[1] AS last,
      jsonb_object_agg(state, id ORDER BY id) AS last_of
    FROM stored WHERE message_id IS NOT NULL GROUP BY message_id HAVING count(*) >= ${maxReceipts}),
  known AS (
    SELECT said.*, COALESCE(same.first, (f.last_of ->> said.state::text)::uuid, f.last) AS first
    FROM said LEFT JOIN same ON same.id = said.id LEFT JOIN full_messages f ON f.message_id = said."messageId"),
  counted AS (
    UPDATE receipts SET repeat_count = receipts.repeat_count + again.count, event_order = nextval('event_order'),
      received_at = CASE WHEN receipts.message_id IS NULL THEN again.at ELSE receipts.received_at END
    FROM (SELECT first, sum(repeats + 1)::int AS count, max("receivedAt") AS at FROM known WHERE first IS NOT NULL GROUP BY first) AS again
    WHERE receipts.id = again.first)
  INSERT INTO receipts (id, connection_id, message_id, external_id, state, recipient, code, reason, occurred_at, received_at, repeat_count, event_order)
  SELECT id, "connectionId", "messageId", "externalId", state, recipient, code, reason, "occurredAt", "receivedAt", repeats, nextval('event_order')
  FROM known WHERE first IS NULL`;

/** What makes two receipts say the same, as one value, so that many are compared with many at the cost of both. */
function sameKey(of: string, messageId: string, externalId: string, occurredAt: string): string {
  return `jsonb_build_array(${of}.${messageId}, CASE WHEN ${of}.${messageId} IS NULL THEN ${of}.${externalId} END, ${of}.state, ${of}.recipient,
    CASE WHEN ${of}.state = 'failed' THEN jsonb_build_array(${of}.code, ${of}.reason, ${of}.${occurredAt}) END)`;
}

/** A vendor's id that a message has just been given, by the attempt that ends now. */
export interface ExternalIdMatch {
  readonly messageId: string;
  readonly connectionId: string;
  readonly externalId: string;
}

/** A receipt that came before the response that says whose it is. */
export interface EarlyReceipt {
  readonly id: string;
  readonly messageId: string;
  /** Its id was another message's until now: that one keeps it, too. */
  readonly isOfAnother: boolean;
  readonly recipient: string | null;
  readonly state: 'delivered' | 'read' | 'failed';
  readonly code: string | null;
  readonly reason: string | null;
}

/** SQL that says of an attempt that its vendor may have taken the message. */
export function possiblyAcceptedCondition(attempt: string): string {
  return `(${attempt}.outcome IS NULL OR ${attempt}.outcome NOT IN ('rejected', 'unavailable'))`;
}

/**
 * Reads what vendors said of ids that messages have just been given. Vendors give an id again, so a receipt counts only when it came after
 * an attempt of this sending that its vendor may have taken; it is of the message whose attempt was the last to begin before it came. It
 * is only read here and written with the rest: a receipt that names its message holds a share of it, and the messages are not locked yet.
 */
export async function readEarlyReceipts(tx: Executor, matches: readonly ExternalIdMatch[]): Promise<EarlyReceipt[]> {
  if (matches.length === 0) return [];
  return tx.$queryRawUnsafe<EarlyReceipt[]>(earlyReceiptsSql, JSON.stringify(matches));
}

/** Rows of earlier versions have no order: there the times count. */
const earlyReceiptsSql = `
  SELECT * FROM (
    SELECT DISTINCT ON (r.id) r.id, l."messageId", r.message_id IS NOT NULL AS "isOfAnother", r.recipient, r.state, r.code, r.reason
    FROM json_to_recordset($1::json) AS l ("messageId" uuid, "connectionId" uuid, "externalId" text)
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

/** SQL that gives early receipts to their messages: parts of a WITH. @param rows from `toReceiptClaimRows`, as JSON. @param now a parameter */
export function claimReceiptsCte(rows: string, now: string): string {
  return `claims AS (SELECT * FROM json_to_recordset(${rows}::json) AS c (id uuid, "messageId" uuid, "copyId" uuid)),
  claimed AS (
    UPDATE receipts SET message_id = c."messageId" FROM claims c WHERE receipts.id = c.id AND c."copyId" IS NULL),
  copied AS (
    INSERT INTO receipts (id, connection_id, message_id, external_id, state, recipient, code, reason, occurred_at, received_at, event_order)
    SELECT c."copyId", connection_id, c."messageId", external_id, state, recipient, code, reason, occurred_at, ${now}::timestamptz, event_order
    FROM receipts JOIN claims c ON c.id = receipts.id WHERE c."copyId" IS NOT NULL)`;
}

export function toReceiptClaimRows(newId: () => string, earlyReceipts: readonly EarlyReceipt[]) {
  return earlyReceipts.map(({ id, messageId, isOfAnother }) => ({ id, messageId, copyId: isOfAnother ? newId() : null }));
}

/** Of each connection. A vendor may tell of everything that its account sends; what is of us is among the newest. */
const maxUnnamedReceipts = 10_000;

/** Deletes the oldest receipts that name no message, where a connection has too many: they must not fill the disk. */
export async function trimUnnamedReceipts({ client }: Database): Promise<void> {
  // What another process works on at this moment is left to the next time.
  await client.$executeRaw`
    DELETE FROM receipts WHERE id IN (
      SELECT id FROM receipts WHERE message_id IS NULL AND id IN (
        SELECT id FROM (
          SELECT id, row_number() OVER (PARTITION BY connection_id ORDER BY received_at DESC, id DESC) AS place
          FROM receipts WHERE message_id IS NULL) AS unnamed
        WHERE place > ${maxUnnamedReceipts})
      FOR UPDATE SKIP LOCKED)`;
}
