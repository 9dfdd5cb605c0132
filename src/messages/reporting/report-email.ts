import type { Executor } from '../../database/client.ts';
import type { EmailRecipientStatus } from '../../highlevel/messages.ts';
import type { WorkMessage } from '../model/message.ts';
import type { StoreDeps } from '../model/message-jobs.ts';
import { computeRecipientStates, parseRecipients, selectReceiptsSince } from '../model/recipients.ts';

/** What HighLevel is to be told of an email's recipients, and how to know later whether there is more. */
export interface EmailStatusUpdate {
  /** Nothing of it is new. */
  readonly isUnchanged: boolean;
  readonly recipients: readonly EmailRecipientStatus[];
  /**
   * Keeps what was told, in the transaction that ends the report and has the message locked: whoever records a receipt of it waits for
   * that lock, and asks for a report of his own after it.
   *
   * @returns whether something was said meanwhile
   */
  markReported(tx: Executor, accepted: boolean): Promise<boolean>;
}

/** What has become of each recipient of an email that is to be reported. */
export async function getEmailStatusUpdate({ db }: Pick<StoreDeps, 'db'>, message: WorkMessage): Promise<EmailStatusUpdate> {
  const { id, to, state, reason } = message;
  const addresses = parseRecipients(to);
  // One recipient fares as the message does.
  if (addresses.length < 2) {
    const recipients = addresses.flatMap((emailId) => toRecipientStatuses({ address: emailId, state, reason }));
    return { isUnchanged: state === 'pending' || state === message.reportedState, recipients, markReported: async () => false };
  }

  const row = await db.client.message.findUniqueOrThrow({
    where: { id },
    select: {
      reportedRecipients: true,
      receipts: {
        select: { state: true, recipient: true, reason: true, receivedAt: true },
        orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }],
      },
    },
  });
  const receipts = selectReceiptsSince(message.idempotencyResetAt, row.receipts).filter(isOutcome);
  const hasNames = receipts.some(({ recipient }) => recipient !== null);
  // Where the far side names nobody it speaks of all, and so does its answer to the send.
  const states = hasNames ? computeRecipientStates(to, receipts) : addresses.map((address) => ({ address, state, reason }));
  const recipients = states.flatMap(toRecipientStatuses);
  const reported = JSON.stringify(row.reportedRecipients ?? []);
  const isSameAsReported = JSON.stringify(recipients.map(toTuple)) === reported;
  return {
    isUnchanged: isSameAsReported && (state === 'pending' || state === message.reportedState),
    recipients,
    async markReported(tx, accepted) {
      if (accepted) await tx.message.updateMany({ where: { id }, data: { reportedRecipients: recipients.map(toTuple) } });
      return (await tx.receipt.count({ where: { messageId: id } })) > row.receipts.length;
    },
  };
}

/** A receipt is never `pending`; the column could be. */
function isOutcome<R extends { state: string }>(receipt: R): receipt is R & { state: 'delivered' | 'read' | 'failed' } {
  return receipt.state !== 'pending';
}

function toRecipientStatuses(one: {
  address: string;
  state: WorkMessage['state'];
  reason: string | null;
}): EmailRecipientStatus[] {
  const { address: emailId, state, reason } = one;
  if (state === 'pending') return [];
  return [{ emailId, status: state, ...(state === 'failed' ? { failReason: reason ?? 'The email was not delivered.' } : {}) }];
}

/** As the database gives it back: it sorts the names of an object by their length. */
function toTuple({ emailId, status, failReason }: EmailRecipientStatus): string[] {
  return [emailId, status, failReason ?? ''];
}
