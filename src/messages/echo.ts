import type { Executor } from '../database/client.ts';

/**
 * Removes an outbound message that turned out to be the echo of our own post. One that was sent already stays: it happened. So does an
 * answer that has the id. It is one statement, as the echo may come just now: what it does not see yet, it must not count either.
 *
 * @returns whether HighLevel's id is free for the message that it was given to
 */
export async function dropEcho(tx: Executor, locationId: string, highlevelMessageId: string): Promise<boolean> {
  const [row] = await tx.$queryRaw<{ isFree: boolean }[]>`
    WITH same AS (
      SELECT id, direction = 'outbound' AND NOT EXISTS (SELECT 1 FROM attempts WHERE message_id = messages.id) AS is_echo
      FROM messages WHERE location_id = ${locationId} AND highlevel_message_id = ${highlevelMessageId}),
    dropped AS (DELETE FROM messages WHERE id IN (SELECT id FROM same WHERE is_echo))
    SELECT NOT EXISTS (SELECT 1 FROM same WHERE NOT is_echo) AS "isFree"`;
  return row?.isFree ?? true;
}
