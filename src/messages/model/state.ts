/** The state of a message. */
export type MessageState = 'pending' | 'delivered' | 'read' | 'failed';

type NextStates = Record<MessageState, readonly MessageState[]>;

/** The states that may follow each state, by type of message. */
const nextStates: Record<'sms' | 'email', NextStates> = {
  // A late receipt of delivery beats a failure, as it is the better evidence.
  sms: { pending: ['delivered', 'read', 'failed'], failed: ['delivered', 'read'], delivered: ['read'], read: [] },
  // A server that has taken an email may still return it: a bounce beats a delivery, whichever is known first. A reader beats both.
  email: { pending: ['delivered', 'read', 'failed'], failed: ['read'], delivered: ['failed', 'read'], read: [] },
};

/**
 * Moves a message to `target`, unless that would be a step back.
 *
 * Receipts arrive in any order and more than once, so the table decides, never the time of arrival.
 * @returns the new state
 */
export function advance(current: MessageState, target: MessageState, messageType: 'sms' | 'email' = 'sms'): MessageState {
  return nextStates[messageType][current].includes(target) ? target : current;
}
