import type { Message } from '../../database/client.ts';
import type { Reason } from './reasons.ts';
import { advance, type MessageState } from './state.ts';

/** The columns that change during a message's life. `updateMessagesCte` writes all of them; a unit test compares the two lists. */
export const mutableColumns = [
  'state',
  'reasonCode',
  'reason',
  'heldForReviewAt',
  'nextAttemptAt',
  'retryCount',
  'reportedState',
  'reportRetryCount',
  'postStartedAt',
  'outOfOrderAt',
  'connectionId',
  'externalId',
  'contactId',
  'conversationId',
  'emailMessageId',
  'highlevelMessageId',
] as const satisfies (keyof Message)[];

export const lockedColumns = [
  'id',
  'direction',
  'locationId',
  'resentAt',
  'createdAt',
  'messageType',
  ...mutableColumns,
] as const satisfies (keyof Message)[];

/** A message as its locked row has it. */
export type LockedMessage = Pick<Message, (typeof lockedColumns)[number]>;

export type MessagePatch = Partial<Pick<Message, (typeof mutableColumns)[number]>>;

/** Decides the change of a message from its locked row. An empty patch changes no column. */
export type MessageChange = (current: LockedMessage) => MessagePatch;

/**
 * Moves a message to a state, unless that would be a step back.
 *
 * @param reason required for `failed`; otherwise the reason for which the message waited is cleared
 */
export function transitionTo(
  current: Pick<LockedMessage, 'state' | 'messageType'>,
  target: MessageState,
  reason?: Reason,
): MessagePatch {
  const state = advance(current.state, target, current.messageType);
  if (state === current.state) return {};
  return {
    state,
    reasonCode: reason?.code ?? null,
    reason: reason?.message ?? null,
    heldForReviewAt: null,
    nextAttemptAt: null,
    reportRetryCount: 0,
  };
}

/** Sets why a message waits, if it is still pending. */
export function keepPending(current: LockedMessage, reason: Reason, fields: MessagePatch): MessagePatch {
  return current.state === 'pending' ? { ...fields, reasonCode: reason.code, reason: reason.message } : {};
}
