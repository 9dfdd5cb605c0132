/** The state of a message. */
export type MessageState = 'pending' | 'delivered' | 'read' | 'failed';

/** The states that may follow each state. A late receipt beats a failure, as it is the better evidence. */
const nextStates: Record<MessageState, readonly MessageState[]> = {
  pending: ['delivered', 'read', 'failed'],
  failed: ['delivered', 'read'],
  delivered: ['read'],
  read: [],
};

/**
 * Moves a message to `target`, unless that would be a step back.
 *
 * Receipts arrive in any order and more than once, so the table decides, never the time of arrival.
 * @returns the new state
 */
export function advance(current: MessageState, target: MessageState): MessageState {
  return nextStates[current].includes(target) ? target : current;
}
