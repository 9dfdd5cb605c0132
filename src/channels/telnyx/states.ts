import { truncate } from '../../core/sanitize.ts';
import type { ReceiptContent, SendOutcome } from '../channel.ts';
import { type ApiError, describeError, isOptOut, toErrorOutcome } from './errors.ts';
import type { MessageRecord } from './records.ts';

/** Telnyx's words for the status of a recipient, as receipts. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  queued: 'accepted',
  sending: 'accepted',
  sent: 'accepted',
  // The last word of a carrier that confirms no delivery: the message was sent, and most often has arrived.
  delivery_unconfirmed: 'accepted',
  delivered: 'delivered',
  expired: 'failed',
  sending_failed: 'failed',
  delivery_failed: 'failed',
};

/** Finds the receipt's state for a status; undefined for one that Telnyx may add. */
export function findState(status: string | undefined): ReceiptContent['state'] | undefined {
  return status !== undefined && Object.hasOwn(states, status) ? states[status] : undefined;
}

/** Returns the status of a message: that of its recipient, as we send to one. */
export function getStatus(record: Pick<MessageRecord, 'to'>): string | undefined {
  return record.to.find(({ status }) => status !== undefined)?.status;
}

/** Builds the error of a failed message: Telnyx's code, and the reason in words. */
export function toFailure(
  status: string,
  error: Pick<ApiError, 'code' | 'message'> | undefined,
): { code: string; message: string } {
  const words = (error && describeError(error)) ?? `Telnyx reported the message as ${status}, without a reason.`;
  return { code: truncate(error?.code ?? status, 200), message: truncate(words) };
}

/**
 * Converts Telnyx's record of a message to the outcome of its send. A response of success may carry errors: they count unless its status
 * says that the message is on its way.
 *
 * @param isOwnSender the message has named its sender
 */
export function toRecordOutcome(record: MessageRecord, externalIds: readonly string[], isOwnSender: boolean): SendOutcome {
  const status = getStatus(record);
  const state = findState(status);
  const [error] = record.errors;
  if (state === 'delivered') return { kind: 'delivered', externalIds };
  if (state === 'failed' || (state === undefined && error !== undefined)) {
    const outcome = error && toErrorOutcome({ ...error, status: 200, retryAfterMs: undefined }, isOwnSender);
    if (outcome && outcome.kind !== 'unknown') return outcome;
    // Telnyx has ended this message: sending it again would not be a repeat, but its reason is unknown.
    return { kind: 'rejected', ...toFailure(status ?? 'failed', error), isAuthoritative: true };
  }
  return { kind: 'accepted', externalIds };
}

/** Returns the first error of a record that says that the contact has opted out. */
export function findOptOutError(record: Pick<MessageRecord, 'errors'>): Pick<ApiError, 'code' | 'message'> | undefined {
  return record.errors.find(isOptOut);
}
