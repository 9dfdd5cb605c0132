import { nowOf } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { type Actor, audit } from '../installations/audit.ts';
import { deliverKey, type Message, postKey, type StoreDeps } from './store.ts';

/**
 * Sends or posts again what was given up, or what nobody knows the fate of, because a person asks for it. A new round: the schedule
 * starts anew, and what HighLevel was told stands until there is something newer to tell.
 *
 * @throws AppError `conflict`: it is still on its way, or has arrived
 */
export async function resend(deps: StoreDeps & { newId: NewId }, message: Message, actor: Actor): Promise<void> {
  await deps.db.transaction(async (tx) => {
    const { count } = await tx.message.updateMany({
      where: { id: message.id, OR: [{ state: 'failed' }, { state: 'pending', unknownSince: { not: null } }] },
      data: {
        state: 'pending',
        unknownSince: null,
        retryCount: 0,
        reasonCode: null,
        reason: null,
        nextAttemptAt: null,
        slotAt: null,
        updatedAt: nowOf(deps.clock),
      },
    });
    if (count === 0) {
      throw new AppError('conflict', 'Only a message that failed, or whose fate is not known, can be sent again.');
    }
    await audit(tx, deps, {
      actor,
      action: 'message_resent',
      locationId: message.locationId,
      details: `Message ${message.id}.`,
    });
    await (message.direction === 'outbound'
      ? deps.queue.enqueue(tx, 'deliver', { messageId: message.id, key: deliverKey(message) })
      : deps.queue.enqueue(tx, 'post', { messageId: message.id, key: postKey(message.connectionId, message.from) }));
  });
}
