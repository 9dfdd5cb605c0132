import { type Clock, dateNow } from '../../core/clock.ts';
import type { Executor, Message } from '../../database/client.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import { toDeliverJob } from '../model/message-jobs.ts';
import { lockMessages } from '../settlement/locks.ts';

export interface ConfirmSendDeps {
  clock: Clock;
}

interface ReceiptRow {
  readonly id: string;
  readonly connectionId: string;
  readonly claimedMessageId: string | null;
  readonly externalId: string | null;
  readonly part: number | null;
  readonly state: string;
}

/**
 * Stores the proof that receipts give of sends whose response was lost: they name our message and the vendor's id. A message that waits for
 * such a proof, or for a person, continues: `deliver` finds the proof, and sends the parts that are left, if there are any.
 *
 * A receipt of a part that the vendor is known to have proves nothing about the part whose response was lost.
 */
export async function confirmSends(
  { clock }: ConfirmSendDeps,
  tx: Executor,
  rows: readonly ReceiptRow[],
  matches: ReadonlyMap<string, { messageId: string }>,
): Promise<void> {
  const proofs = rows.flatMap(({ id, connectionId, claimedMessageId, externalId, part, state }) => {
    const messageId = matches.get(id)?.messageId;
    const isProof = messageId === claimedMessageId && externalId !== null && state !== 'failed';
    return messageId && isProof ? [{ messageId, connectionId, externalId, part: part ?? 0 }] : [];
  });
  if (proofs.length === 0) return;
  const now = dateNow(clock);
  const open = await findUnconfirmed(tx, [...new Set(proofs.map(({ messageId }) => messageId))]);
  if (open.length === 0) return;
  const openIds = open.map(({ id }) => id);
  await lockMessages(tx, openIds);
  const openProofs = JSON.stringify(proofs.filter(({ messageId }) => openIds.includes(messageId)));
  const proved = await tx.$queryRawUnsafe<{ messageId: string }[]>(insertProofsSql, openProofs, now);
  if (proved.length === 0) return;
  // Read again under the lock. An attempt that still runs finds the proof when it ends.
  const found = await findUnconfirmed(tx, [...new Set(proved.map(({ messageId }) => messageId))]);
  const unconfirmed = found.filter(({ hasEnded }) => hasEnded);
  if (unconfirmed.length === 0) return;
  const ids = unconfirmed.map(({ id }) => id);
  await tx.$executeRaw`
    UPDATE attempts SET outcome = 'accepted' FROM messages m
    WHERE attempts.message_id = ANY (${ids}::uuid[]) AND m.id = attempts.message_id AND attempts.outcome = 'unknown'
      AND attempts.started_at >= COALESCE(m.resent_at, '-infinity')`;
  await tx.$executeRaw`
    UPDATE messages SET held_for_review_at = NULL, reason_code = NULL, reason = NULL, next_attempt_at = NULL, updated_at = ${now},
      external_id = COALESCE(external_id, (SELECT external_id FROM external_ids WHERE message_id = messages.id ORDER BY part LIMIT 1))
    WHERE id = ANY (${ids}::uuid[]) AND state = 'pending'`;
  await enqueue(
    tx,
    unconfirmed.map((message) => toDeliverJob(message, now)),
  );
}

type UnconfirmedMessage = Pick<Message, 'id' | 'locationId' | 'providerKey' | 'contactId' | 'to'> & {
  /** The attempt of unknown outcome has ended: the message waits for a proof or a person. */
  hasEnded: boolean;
};

/** Finds the messages with an attempt that may or may not have been sent, or that still runs. */
function findUnconfirmed(tx: Executor, ids: readonly string[]): Promise<UnconfirmedMessage[]> {
  return tx.$queryRaw`
    SELECT m.id, location_id AS "locationId", provider_key AS "providerKey", contact_id AS "contactId", "to",
      bool_or(a.outcome = 'unknown') IS TRUE AS "hasEnded"
    FROM messages m JOIN attempts a ON a.message_id = m.id AND (a.outcome IS NULL OR a.outcome = 'unknown')
      AND a.started_at >= COALESCE(m.resent_at, '-infinity')
    WHERE m.id = ANY (${[...ids]}::uuid[]) AND m.state = 'pending'
    GROUP BY m.id ORDER BY m.id`;
}

const insertProofsSql = `
  INSERT INTO external_ids (connection_id, external_id, message_id, part, created_at)
  SELECT DISTINCT ON (p."messageId", p.part) p."connectionId", p."externalId", p."messageId", p.part, $2::timestamptz
  FROM json_to_recordset($1::json) AS p ("messageId" uuid, "connectionId" uuid, "externalId" text, part smallint)
  JOIN messages m ON m.id = p."messageId"
  WHERE NOT EXISTS (
    SELECT 1 FROM external_ids x
    WHERE x.message_id = m.id AND x.part = p.part AND x.created_at >= COALESCE(m.resent_at, '-infinity'))
  ON CONFLICT (message_id, external_id) DO NOTHING RETURNING message_id AS "messageId"`;
