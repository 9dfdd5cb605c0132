import { normalizeAddress } from '../../core/address.ts';
import { listPhoneSpellings } from '../../core/phone-spellings.ts';
import type { Executor, Message } from '../../database/client.ts';

/**
 * Deletes an outbound message that is the echo of our own post. An outbound message that was sent stays, and so does an inbound message
 * with this id. It is one statement because the echo may arrive concurrently: a row that it does not see yet must not be counted either.
 *
 * @returns true when HighLevel's id is free for the message that was posted
 */
export async function dropEcho(tx: Executor, locationId: string, highlevelMessageId: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ isIdUnclaimed: boolean }[]>`
    WITH same AS (
      SELECT id, direction = 'outbound' AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = messages.id) AS is_echo
      FROM messages WHERE location_id = ${locationId} AND highlevel_message_id = ${highlevelMessageId}),
    dropped AS (DELETE FROM messages WHERE id IN (SELECT id FROM same WHERE is_echo))
    SELECT NOT EXISTS (SELECT 1 FROM same WHERE NOT is_echo) AS "isIdUnclaimed"`;
  return row?.isIdUnclaimed ?? true;
}

/** Time that a send may take to return the id of a message that its vendor has already reported to us. */
const responseTimeoutMs = 2 * 60 * 1000;

/**
 * Finds out if a message that a vendor reports as sent externally is our own send: `own` when its id is one of ours, `pending` while a send
 * to the same address, whose response may still return that id, is running or about to be repeated. A vendor's own id of the contact may be the
 * address of any send.
 */
export async function findOwnSend(
  on: Executor,
  message: Pick<Message, 'connectionId' | 'externalId' | 'to' | 'createdAt'>,
  now: Date,
): Promise<'own' | 'pending' | 'other'> {
  const { connectionId, externalId, to, createdAt } = message;
  if (!connectionId || !externalId) return 'other';
  // The message has HighLevel's spelling of the number, the vendor's report another.
  const spellings = to === null ? [] : listPhoneSpellings(to);
  const isVendorId = to !== null && normalizeAddress(to).kind === 'other';
  const earliest = new Date(now.getTime() - responseTimeoutMs);
  const [row] = await on.$queryRaw<{ isOwn: boolean; isPending: boolean }[]>`
    SELECT
      EXISTS (SELECT FROM external_ids WHERE connection_id = ${connectionId}::uuid AND external_id = ${externalId}) AS "isOwn",
      EXISTS (
        SELECT FROM attempts a JOIN messages m ON m.id = a.message_id
        WHERE a.connection_id = ${connectionId}::uuid
          -- A send that got no response is repeated, and the repeat may get one.
          AND (a.ended_at IS NULL OR (a.ended_at > ${earliest} AND a.outcome = 'unknown' AND m.state = 'pending'))
          -- An email's recipients are stored as they were written.
          AND (${isVendorId} OR m."to" IS NULL OR m."to" = ANY (${spellings}::text[]) OR (m.message_type = 'email' AND position(lower(${to}) IN lower(m."to")) > 0))
      ) AS "isPending"`;
  if (row?.isOwn) return 'own';
  return row?.isPending && now.getTime() - createdAt.getTime() < responseTimeoutMs ? 'pending' : 'other';
}

/** Deletes a message that a vendor reported as sent externally and that is our own send. */
export async function dropOwnSend(tx: Executor, id: string): Promise<void> {
  await tx.message.deleteMany({ where: { id, direction: 'inbound', sentExternally: true } });
}
