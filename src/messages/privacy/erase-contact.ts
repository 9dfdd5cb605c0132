import type { Executor } from '../../database/client.ts';
import { hasEnded, isFinal, withoutContent } from './erase-content.ts';

/** A contact whose data is erased: by its id, by addresses, or both. */
export interface ErasedContact {
  readonly erasureId: string;
  readonly locationId: string;
  /** Null where it is for an address alone. */
  readonly contactId: string | null;
  readonly addresses: readonly string[];
}

/** Range of message ids of one step, and whether vendors' ids go, too. */
export interface ErasureStep {
  readonly after: string;
  readonly before: string;
  readonly withIds: boolean;
}

const messagesPerStep = 1_000;

/** The contact's own side of a message: ours is the other. */
const contactSide = `CASE WHEN messages.direction = 'outbound' OR messages.sent_externally THEN messages."to" ELSE messages."from" END`;

/**
 * Condition that a contact's messages meet, where the contact is named: an index finds them, whatever else the location has stored. What has
 * been erased names no contact any more.
 */
const mayBeOfContact = `($2::text IS NULL OR messages.contact_id = $2 OR messages.contact_id IS NULL)`;

/**
 * Condition of a contact's messages. An address may be that of several contacts, a family's number: where the contact is named, its address
 * finds only messages that name no contact. Parameters as in {@link eraseContactMessages}.
 */
const isOfContact = `(messages.contact_id = $2 OR messages.erasure_id = $4::uuid
  OR (($2::text IS NULL OR messages.contact_id IS NULL) AND ${contactSide} = ANY ($3::text[])))`;

const eraseSql = `
  WITH step AS MATERIALIZED (
    SELECT id FROM messages WHERE location_id = $1 AND ${mayBeOfContact} AND id > $5::uuid AND id < $6::uuid
    ORDER BY id LIMIT ${messagesPerStep}),
  locked AS MATERIALIZED (
    SELECT id, erasure_id FROM messages WHERE id IN (SELECT id FROM step) AND ${isOfContact} AND ${isFinal('$8')} ORDER BY id FOR UPDATE),
  erased AS (
    UPDATE messages SET ${withoutContent}, raw_address = NULL, contact_id = NULL, conversation_id = NULL, email_message_id = NULL,
      "to" = CASE WHEN direction = 'outbound' OR sent_externally THEN NULL ELSE "to" END,
      "from" = CASE WHEN direction = 'outbound' OR sent_externally THEN "from" END,
      reason = NULL, reported_recipients = NULL, erasure_id = $4::uuid, content_erased_at = COALESCE(content_erased_at, $8::timestamptz),
      external_id = CASE WHEN NOT $7::boolean THEN external_id END, inbound_key = CASE WHEN NOT $7::boolean THEN inbound_key END,
      reply_to_external_id = CASE WHEN NOT $7::boolean THEN reply_to_external_id END
    FROM locked WHERE messages.id = locked.id AND ${hasEnded} RETURNING messages.id),
  erased_attempts AS (UPDATE attempts SET response = NULL, reason = NULL FROM erased WHERE message_id = erased.id),
  erased_report_attempts AS (UPDATE report_attempts SET response = NULL FROM erased WHERE message_id = erased.id),
  erased_receipts AS (
    UPDATE receipts SET recipient = NULL, reason = NULL, external_id = CASE WHEN NOT $7::boolean THEN external_id END
    FROM erased WHERE message_id = erased.id),
  deleted_quiet_periods AS (DELETE FROM quiet_periods USING erased WHERE message_id = erased.id),
  deleted_external_ids AS (DELETE FROM external_ids USING erased WHERE $7::boolean AND message_id = erased.id),
  -- The next clean-up deletes the files.
  ended_attachments AS (UPDATE attachments SET expires_at = LEAST(expires_at, $8::timestamptz), name = NULL FROM erased WHERE message_id = erased.id)
  SELECT (SELECT id FROM step ORDER BY id DESC LIMIT 1) AS "lastId",
    (SELECT count(*)::int FROM erased JOIN locked USING (id) WHERE locked.erasure_id IS NULL) AS count`;

/**
 * Erases what messages of a range say about a contact, if they are final: content, addresses, names, responses, recipients. What is left counts: that a message
 * went out or came in, when, by which connection, and with which state.
 */
export async function eraseContactMessages(
  on: Executor,
  { locationId, contactId, addresses, erasureId }: ErasedContact,
  { after, before, withIds }: ErasureStep,
  now: Date,
): Promise<{ lastId: string | null; count: number }> {
  const [row] = await on.$queryRawUnsafe<[{ lastId: string | null; count: number }]>(
    eraseSql,
    ...[locationId, contactId, [...addresses], erasureId, after, before, withIds, now],
  );
  return row;
}

const addressesSql = `
  SELECT address FROM contact_addresses WHERE location_id = $1 AND contact_id = $2
  UNION
  SELECT ${contactSide} FROM messages WHERE location_id = $1 AND contact_id = $2 AND ${contactSide} IS NOT NULL`;

/** Lists the addresses that a contact has had here. */
export async function listAddresses(on: Executor, locationId: string, contactId: string): Promise<string[]> {
  const rows = await on.$queryRawUnsafe<{ address: string }[]>(addressesSql, locationId, contactId);
  return rows.map(({ address }) => address);
}

/**
 * Deletes what the tables beside messages know of a contact. Opt-outs stay: who has said STOP must not be written to again, and the address is
 * what says so.
 */
export async function eraseContactTraces(
  tx: Executor,
  { locationId, contactId, addresses, erasureId }: ErasedContact,
): Promise<void> {
  const address = { in: [...addresses] };
  await tx.contactAddress.deleteMany({
    where: { locationId, OR: [{ address }, ...(contactId === null ? [] : [{ contactId }])] },
  });
  const connections = await tx.connection.findMany({ where: { locationId }, select: { id: true } });
  await tx.vendorAddress.deleteMany({ where: { connectionId: { in: connections.map(({ id }) => id) }, address } });
  await tx.contactLink.deleteMany({
    where: { locationId, OR: [{ usedBy: address }, ...(contactId === null ? [] : [{ contactId }])] },
  });
  await tx.$executeRaw`
    UPDATE trigger_events SET address = NULL, facts = '{}' WHERE location_id = ${locationId} AND ended_at IS NOT NULL
      AND (address = ANY (${[...addresses]}::text[]) OR message_id IN (SELECT id FROM messages WHERE location_id = ${locationId} AND contact_id IS NULL AND erasure_id = ${erasureId}::uuid))`;
  // A receiver may have echoed what it got.
  await tx.$executeRaw`
    WITH erased AS (
      UPDATE webhook_events SET address = NULL, facts = '{}' WHERE location_id = ${locationId}
        AND (address = ANY (${[...addresses]}::text[]) OR message_id IN (SELECT id FROM messages WHERE location_id = ${locationId} AND contact_id IS NULL AND erasure_id = ${erasureId}::uuid))
      RETURNING id)
    UPDATE webhook_attempts SET response = NULL FROM erased WHERE webhook_attempts.event_id = erased.id`;
  if (contactId === null) return;
  await tx.contactFacts.deleteMany({ where: { locationId, contactId } });
  await tx.workflowSend.deleteMany({ where: { locationId, contactId, state: { notIn: ['reserved', 'posting'] } } });
}

const remainingSql = `
  SELECT ((SELECT count(*) FROM messages WHERE location_id = $1 AND ${mayBeOfContact} AND id < $5::uuid AND ${isOfContact}
      AND (content_erased_at IS NULL OR contact_id IS NOT NULL OR ${contactSide} IS NOT NULL OR external_id IS NOT NULL OR inbound_key IS NOT NULL))
    + (SELECT count(*) FROM contact_addresses WHERE location_id = $1 AND (contact_id = $2 OR address = ANY ($3::text[])))
    + (SELECT count(*) FROM workflow_sends WHERE location_id = $1 AND contact_id = $2)
    + (SELECT count(*) FROM trigger_events WHERE location_id = $1 AND ended_at IS NULL AND (address = ANY ($3::text[])
        OR message_id IN (SELECT id FROM messages WHERE location_id = $1 AND contact_id IS NULL AND erasure_id = $4::uuid))))::int AS count`;

/** Counts the rows that still say something about a contact: messages and events that still wait, and what came in since. Zero proves an erasure. */
export async function countRemaining(
  on: Executor,
  { locationId, contactId, addresses, erasureId }: ErasedContact,
  before: string,
): Promise<number> {
  const [row] = await on.$queryRawUnsafe<[{ count: number }]>(
    remainingSql,
    ...[locationId, contactId, [...addresses], erasureId, before],
  );
  return row.count;
}
