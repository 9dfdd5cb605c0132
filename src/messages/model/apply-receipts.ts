import type { Reason } from './reasons.ts';
import type { MessageState } from './state.ts';
import { type LockedMessage, type MessagePatch, transitionTo } from './transitions.ts';

export interface StoredReceipt {
  readonly state: MessageState;
  readonly code: string | null;
  readonly reason: string | null;
}

/** Applies receipts to a message, one after the other. */
export function applyReceipts(
  current: Pick<LockedMessage, 'state' | 'messageType'>,
  receipts: readonly StoredReceipt[],
): MessagePatch {
  const patch: MessagePatch = {};
  for (const receipt of receipts) {
    Object.assign(patch, transitionTo({ ...current, state: patch.state ?? current.state }, receipt.state, toFailure(receipt)));
  }
  return patch;
}

function toFailure({ state, code, reason }: StoredReceipt): Reason | undefined {
  if (state !== 'failed') return undefined;
  return { code: code ?? 'failed', message: reason ?? 'The channel reported a failure.' };
}
