import type { Executor, Message } from '../../database/client.ts';

/**
 * Removes an outbound message that turned out to be the echo of our own post. One that was sent already stays: it happened. So does an
 * answer that has the id. It is one statement, as the echo may come just now: what it does not see yet, it must not count either.
 *
 * @returns whether HighLevel's id is free for the message that it was given to
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

/** How long a send may take to name the message that its vendor has already told of. */
const responseTimeoutMs = 2 * 60 * 1000;

/**
 * Says whether what a vendor tells of as sent elsewhere is our own send: `own` when its id is one of ours, `pending` while a send to the
 * same address, whose response may still name it, is under way or about to be repeated.
 */
export async function findOwnSend(
  on: Executor,
  message: Pick<Message, 'connectionId' | 'externalId' | 'to' | 'createdAt'>,
  now: Date,
): Promise<'own' | 'pending' | 'other'> {
  const { connectionId, externalId, to, createdAt } = message;
  if (!connectionId || !externalId) return 'other';
  const earliest = new Date(now.getTime() - responseTimeoutMs);
  const [row] = await on.$queryRaw<{ isOwn: boolean; isPending: boolean }[]>`
    SELECT
      EXISTS (SELECT FROM messages WHERE connection_id = ${connectionId}::uuid AND external_id = ${externalId} AND direction = 'outbound') AS "isOwn",
      EXISTS (
        SELECT FROM attempts a JOIN messages m ON m.id = a.message_id
        WHERE a.connection_id = ${connectionId}::uuid
          -- A send that got no response is repeated, and the repeat may get one.
          AND (a.ended_at IS NULL OR (a.ended_at > ${earliest} AND a.outcome = 'unknown' AND m.state = 'pending'))
          -- An email's recipients are kept as they were written.
          AND (m."to" IS NULL OR m."to" = ${to} OR (m.message_type = 'email' AND position(lower(${to}) IN lower(m."to")) > 0))
      ) AS "isPending"`;
  if (row?.isOwn) return 'own';
  return row?.isPending && now.getTime() - createdAt.getTime() < responseTimeoutMs ? 'pending' : 'other';
}

/** Removes a message that a vendor told of as sent elsewhere and that turned out to be our own send. */
export async function dropOwnSend(tx: Executor, id: string): Promise<void> {
  await tx.message.deleteMany({ where: { id, direction: 'inbound', sentExternally: true } });
}
