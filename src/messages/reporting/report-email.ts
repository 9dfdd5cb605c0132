import type { Database, Executor } from '../../database/client.ts';
import type { EmailRecipientStatus } from '../../highlevel/messages.ts';
import type { WorkMessage } from '../model/message.ts';
import { listRecipientStates, parseRecipients, selectReceiptsSince } from '../model/recipients.ts';

/** Status of an email's recipients, to be reported to HighLevel. */
export interface EmailStatusUpdate {
  /** HighLevel has all of it already. */
  readonly isUnchanged: boolean;
  readonly recipients: readonly EmailRecipientStatus[];
  /**
   * Stores what was reported, in the transaction that ends the report and has the message locked. A process that records a receipt of it
   * waits for that lock, and requests a report of its own afterwards.
   *
   * @returns true when a receipt was stored since this update was read
   */
  markReported(tx: Executor, isAccepted: boolean): Promise<boolean>;
}

/** Returns the status of each recipient of an email that is to be reported. */
export async function getEmailStatusUpdate(db: Database, message: WorkMessage): Promise<EmailStatusUpdate> {
  const { id, to, state, reason } = message;
  const addresses = parseRecipients(to);
  // A single recipient has the state of the message.
  if (addresses.length < 2) {
    const recipients = addresses.flatMap((emailId) => toRecipientStatuses({ address: emailId, state, reason }));
    return { isUnchanged: state === 'pending' || state === message.reportedState, recipients, markReported: async () => false };
  }

  const row = await db.client.message.findUniqueOrThrow({
    where: { id },
    select: {
      reportedRecipients: true,
      receipts: {
        select: { state: true, recipient: true, code: true, reason: true, receivedAt: true },
        orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }],
      },
    },
  });
  const states = listRecipientStates(message, selectReceiptsSince(message.idempotencyResetAt, row.receipts));
  const recipients = states.flatMap(toRecipientStatuses);
  const reported = JSON.stringify(row.reportedRecipients ?? []);
  const isSameAsReported = JSON.stringify(recipients.map(toTuple)) === reported;
  return {
    isUnchanged: isSameAsReported && (state === 'pending' || state === message.reportedState),
    recipients,
    async markReported(tx, isAccepted) {
      if (isAccepted) await tx.message.updateMany({ where: { id }, data: { reportedRecipients: recipients.map(toTuple) } });
      return (await tx.receipt.count({ where: { messageId: id } })) > row.receipts.length;
    },
  };
}

function toRecipientStatuses(recipient: {
  address: string;
  state: WorkMessage['state'];
  reason: string | null;
}): EmailRecipientStatus[] {
  const { address: emailId, state, reason } = recipient;
  if (state === 'pending') return [];
  return [{ emailId, status: state, ...(state === 'failed' ? { failReason: reason ?? 'The email was not delivered.' } : {}) }];
}

/** Converts a status to the form in which it is compared: PostgreSQL reorders the keys of a JSON object, but not an array. */
function toTuple({ emailId, status, failReason }: EmailRecipientStatus): string[] {
  return [emailId, status, failReason ?? ''];
}
