import { type Actor, audit } from '../../audit/audit-log.ts';
import type { Clock } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database, Executor } from '../../database/client.ts';
import type { Message } from '../model/message.ts';
import { getReason } from '../model/reasons.ts';
import { type LockedMessage, type MessageChange, transitionTo } from '../model/transitions.ts';
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
 * Marks a message that is held for review as sent, because a person has found out that it was. A channel with receipts may still report
 * its delivery; without them the message counts as delivered.
 *
 * @throws AppError `conflict`: the message is not held for review
 */
export async function markSent(
  { db, clock, newId, updateMessages }: MarkSentDeps,
  { id, locationId }: Message,
  hasReceipts: boolean,
  actor: Actor,
): Promise<void> {
  await db.transaction(async (tx) => {
    const held = await tx.$queryRaw<unknown[]>`
      SELECT 1 FROM messages WHERE id = ${id}::uuid AND state = 'pending' AND held_for_review_at IS NOT NULL FOR UPDATE`;
    if (held.length === 0) throw new AppError('conflict', 'Only a message whose delivery is unknown can be marked as sent.');
    await updateMessages(tx, new Map([[id, (current) => toSent(current, hasReceipts)]]));
    await audit(tx, { clock, newId }, { actor, action: 'message_marked_sent', locationId, details: `Message ${id}.` });
  });
}

function toSent(current: LockedMessage, hasReceipts: boolean) {
  if (!hasReceipts) return transitionTo(current, 'delivered');
  const { code, message } = getReason('awaiting_receipt');
  return { heldForReviewAt: null, reasonCode: code, reason: message };
}
