import { type Actor, audit } from '../../audit/audit-log.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import type { Message } from '../model/message.ts';
import type { StoreDeps } from '../model/message-jobs.ts';
import { getReason } from '../model/reasons.ts';
import { transitionTo } from '../model/transitions.ts';
import { updateMessages } from '../settlement/update-messages.ts';
import { requeueMessages } from './dead-letters.ts';

/**
 * Sends or posts again what was given up, or what nobody knows the fate of, because a person asks for it.
 *
 * @throws AppError `conflict`: it is still on its way, or has arrived
 */
export async function resend(deps: StoreDeps & { newId: NewId }, message: Message, actor: Actor): Promise<void> {
  if (message.reasonCode === getReason('too_large').code) {
    throw new AppError('conflict', 'This message was too large to be kept whole. Send a smaller one from the CRM.');
  }
  await deps.db.transaction(async (tx) => {
    if ((await requeueMessages(deps, tx, [message.id])) === 0) {
      throw new AppError('conflict', 'Only a message that failed, or whose fate is not known, can be sent again.');
    }
    await audit(tx, deps, {
      actor,
      action: 'message_resent',
      locationId: message.locationId,
      details: `Message ${message.id}.`,
    });
  });
}

/**
 * A person has found out that a message of unknown fate was sent. Where the far side sends receipts one may still come; elsewhere sent is
 * all that will ever be known, and counts as delivered.
 *
 * @throws AppError `conflict`: nobody has to decide about it
 */
export async function markSent(
  deps: StoreDeps & { newId: NewId },
  message: Message,
  hasReceipts: boolean,
  actor: Actor,
): Promise<void> {
  await deps.db.transaction(async (tx) => {
    let isUnknown = false;
    const awaiting = getReason('awaiting_receipt');
    await updateMessages(
      deps,
      tx,
      new Map([
        [
          message.id,
          (current) => {
            isUnknown = current.heldForReviewAt !== null && current.state === 'pending';
            if (!isUnknown) return {};
            if (!hasReceipts) return transitionTo(current, 'delivered');
            return { heldForReviewAt: null, reasonCode: awaiting.code, reason: awaiting.message };
          },
        ],
      ]),
    );
    if (!isUnknown) throw new AppError('conflict', 'Only a message whose fate is not known can be marked as sent.');
    const { locationId } = message;
    await audit(tx, deps, { actor, action: 'message_marked_sent', locationId, details: `Message ${message.id}.` });
  });
}
