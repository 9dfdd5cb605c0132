/** Where a message stands for us. */
export type MessageState = 'pending' | 'delivered' | 'read' | 'failed';

/** Where each state may go. A late receipt heartbeat a failure: it is the better evidence. */
const nextStates: Record<MessageState, readonly MessageState[]> = {
  pending: ['delivered', 'read', 'failed'],
  failed: ['delivered', 'read'],
  delivered: ['read'],
  read: [],
};

/**
 * Moves a message to `wanted`, unless that would be a step back.
 *
 * Receipts arrive in any order and more than once, so the table decides, never the time of arrival.
 * @returns the state that holds from now on
 */
export function advance(current: MessageState, target: MessageState): MessageState {
  return nextStates[current].includes(target) ? target : current;
}
