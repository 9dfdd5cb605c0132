import { truncate } from '../../core/sanitize.ts';
import type { ReceiptContent, SendOutcome } from '../channel.ts';
import type { MessageRecord } from './records.ts';

/** The gateway's words for the state of a message, as receipts. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  pending: 'accepted',
  processed: 'accepted',
  sent: 'accepted',
  cancelling: 'accepted',
  delivered: 'delivered',
  failed: 'failed',
  cancelled: 'failed',
};

/** Finds the receipt's state for a state; undefined for one that the gateway may add. */
export function findState(state: string | undefined): ReceiptContent['state'] | undefined {
  return state !== undefined && Object.hasOwn(states, state) ? states[state] : undefined;
}

/** Builds the error of a failed message: the phone's reason, such as `RESULT_ERROR_NO_SERVICE`. */
export function toFailure(state: string, reason: string | undefined): { code: string; message: string } {
  if (state === 'cancelled') return { code: 'cancelled', message: 'The message was cancelled at the SMS gateway.' };
  const words = reason ? `The phone could not send the message: ${reason}.` : 'The phone could not send the message.';
  const [code] = /RESULT_[A-Z_]+/.exec(reason ?? '') ?? [];
  return { code: truncate(code?.toLowerCase() ?? 'phone_failed', 200), message: truncate(words) };
}

/** Converts the gateway's record of a message to the outcome of its send. */
export function toRecordOutcome({ state, error }: MessageRecord, externalIds: readonly string[]): SendOutcome {
  switch (findState(state)) {
    case 'delivered':
      return { kind: 'delivered', externalIds };
    case 'failed':
      return { kind: 'rejected', ...toFailure(state ?? 'failed', error), isAuthoritative: true };
    default:
      return { kind: 'accepted', externalIds };
  }
}
