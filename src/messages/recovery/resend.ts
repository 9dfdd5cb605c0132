import { type Actor, audit } from '../../audit/audit-log.ts';
import type { Capabilities } from '../../channels/channel.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import type { Message } from '../model/message.ts';
import { getReason } from '../model/reasons.ts';
import { parseRecipients } from '../model/recipients.ts';
import { type LockedMessage, type MessageChange, transitionTo } from '../model/transitions.ts';
import { toQuietPeriodRows } from '../settlement/decide.ts';
import { insertQuietPeriods } from '../settlement/settle-sql.ts';
import { requeueMessages } from './send-again.ts';

export interface ResendDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
}

/**
 * Requeues a message that failed or is held for review, on a person's request.
 *
 * @throws AppError `conflict`: the message is still on its way, or has arrived
 */
export async function resend({ db, clock, newId }: ResendDeps, message: Message, actor: Actor): Promise<void> {
  if (message.reasonCode === getReason('too_large').code) {
    throw new AppError('conflict', 'This message was too large to be stored whole. Send a smaller one from the CRM.');
  }
  if (message.contentErasedAt) {
    throw new AppError('conflict', 'The content of this message has been erased. Send it again from the CRM.');
  }
  await db.transaction(async (tx) => {
    if ((await requeueMessages({ clock }, tx, [message.id])) === 0) {
      throw new AppError('conflict', 'Only a message that failed, or whose delivery is unknown, can be sent again.');
    }
    const { id, locationId } = message;
    await audit(tx, { clock, newId }, { actor, action: 'message_resent', locationId, details: `Message ${id}.` });
  });
}

export interface MarkSentDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  updateMessages(tx: Executor, changes: ReadonlyMap<string, MessageChange>): Promise<void>;
}

/**
 * Marks a message that is held for review as sent, because a person has found out that it was. A connection with receipts may still report
 * its delivery, and an email's quiet period begins; without receipts the message counts as delivered.
 *
 * @param capabilities of its connection; null where there is none any more
 * @throws AppError `conflict`: the message is not held for review
 */
export async function markSent(
  { db, clock, newId, updateMessages }: MarkSentDeps,
  message: Message,
  capabilities: Pick<Capabilities, 'receipts' | 'quietPeriodMs'> | null,
  actor: Actor,
): Promise<void> {
  const { id, locationId } = message;
  const hasReceipts = capabilities?.receipts ?? false;
  await db.transaction(async (tx) => {
    const held = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM messages WHERE id = ${id}::uuid AND state = 'pending' AND held_for_review_at IS NOT NULL FOR UPDATE`;
    if (held.length === 0) throw new AppError('conflict', 'Only a message whose delivery is unknown can be marked as sent.');
    await updateMessages(tx, new Map([[id, (current) => toSent(current, hasReceipts)]]));
    if (hasReceipts) await insertQuietPeriods(tx, listPeriods(message, capabilities?.quietPeriodMs, dateNow(clock)));
    await audit(tx, { clock, newId }, { actor, action: 'message_marked_sent', locationId, details: `Message ${id}.` });
  });
}

function toSent(current: LockedMessage, hasReceipts: boolean) {
  if (!hasReceipts) return transitionTo(current, 'delivered');
  const { code, message } = getReason('awaiting_receipt');
  return { heldForReviewAt: null, reasonCode: code, reason: message };
}

/** Lists the quiet periods of all recipients: the end of one whose state is known by then changes nothing. */
function listPeriods({ id, messageType, to, connectionId }: Message, periodMs: number | undefined, now: Date) {
  if (messageType !== 'email' || periodMs === undefined || connectionId === null) return [];
  const recipients = parseRecipients(to);
  return toQuietPeriodRows(
    { messageId: id, connectionId, periodMs, recipients: recipients.length > 1 ? recipients : [''] },
    now,
  );
}
