import { truncate } from '../../core/sanitize.ts';
import type { ReceiptContent, SendOutcome } from '../channel.ts';
import { findError } from './errors.ts';
import type { MessageRecord } from './records.ts';

/** Twilio's words for a message's status, as receipts. `receiving` and `received` belong to inbound messages. */
const states: Readonly<Record<string, ReceiptContent['state']>> = {
  accepted: 'accepted',
  scheduled: 'accepted',
  queued: 'accepted',
  sending: 'accepted',
  sent: 'accepted',
  delivered: 'delivered',
  // Some recipients of a group have it.
  partially_delivered: 'delivered',
  read: 'read',
  failed: 'failed',
  undelivered: 'failed',
  canceled: 'failed',
};

/** Finds the receipt's state for a status; undefined for one that Twilio may add. */
export function findState(status: string | undefined): ReceiptContent['state'] | undefined {
  return status !== undefined && Object.hasOwn(states, status) ? states[status] : undefined;
}

/** Builds the error of a failed message: Twilio's code, and the reason in words, which Twilio often leaves out. */
export function toFailure(
  status: string,
  code: string | undefined,
  message: string | undefined,
): { code: string; message: string } {
  const words = findError(code)?.message ?? message ?? `Twilio reported the message as ${status}, without a reason.`;
  return { code: truncate(code ?? status, 200), message: truncate(words) };
}

/** Converts Twilio's record of a message to the outcome of its send. */
export function toRecordOutcome(record: MessageRecord, externalIds: readonly string[]): SendOutcome {
  switch (findState(record.status)) {
    case 'delivered':
    case 'read':
      return { kind: 'delivered', externalIds };
    case 'failed': {
      const failure = toFailure(record.status ?? 'failed', record.errorCode, record.errorMessage);
      const optedOut = findError(record.errorCode)?.class === 'opted_out' ? { optedOut: 'all' as const } : {};
      return { kind: 'rejected', ...failure, isAuthoritative: true, ...optedOut };
    }
    default:
      return { kind: 'accepted', externalIds };
  }
}
