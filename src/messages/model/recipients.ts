import { stripDisplayName } from '../../core/address.ts';
import type { Executor } from '../../database/client.ts';
import { advance, type MessageState } from './state.ts';

/** A receipt of one recipient, or of all (null). */
export interface RecipientReceipt {
  readonly state: Exclude<MessageState, 'pending'>;
  readonly recipient: string | null;
  readonly reason: string | null;
}

export interface RecipientState {
  readonly address: string;
  readonly state: MessageState;
  /** The reason of a failure. */
  readonly reason: string | null;
}

/** Parses the addresses of an email, without the names. */
export function parseRecipients(to: string | null): string[] {
  const addresses = (to ?? '').split(',').map((entry) => stripDisplayName(entry.trim()).trim());
  return addresses.filter((address) => address.includes('@'));
}

/** Computes the state of each recipient of an email. Receipts are idempotent and commute: repeats and any order lead to the same states. */
export function computeRecipientStates(to: string | null, receipts: readonly RecipientReceipt[]): RecipientState[] {
  return parseRecipients(to).map((address) => {
    let state: MessageState = 'pending';
    let reason: string | null = null;
    for (const receipt of receipts) {
      if (receipt.recipient !== null && !isSameRecipient(receipt.recipient, address)) continue;
      const nextState = advance(state, receipt.state, 'email');
      if (nextState !== state) reason = nextState === 'failed' ? receipt.reason : null;
      state = nextState;
    }
    return { address, state, reason };
  });
}

function isSameRecipient(named: string, address: string): boolean {
  return (parseRecipients(named)[0] ?? named).toLowerCase() === address.toLowerCase();
}

/** Selects the receipts of the current send: those from before a resend are of an earlier one. */
export function selectReceiptsSince<R extends { receivedAt: Date }>(
  idempotencyResetAt: Date | null,
  receipts: readonly R[],
): R[] {
  return receipts.filter(({ receivedAt }) => idempotencyResetAt === null || receivedAt >= idempotencyResetAt);
}

interface MessageReceipt extends RecipientReceipt {
  readonly messageId: string | null;
}

/**
 * Selects the receipts that change the state of the whole message. Left out are receipts of a copy, whose address is not one of the
 * email's, and the failure of one recipient while others have not failed. An email has failed when it has for every recipient; it is
 * delivered, or read, when it is for any. Makes no query where no receipt names a recipient.
 *
 * @param receipts new ones: not stored yet, or not as their message's. Their messages are locked, so that concurrent receipts of two
 *   recipients see each other
 */
export async function filterMessageLevelReceipts<R extends MessageReceipt>(
  tx: Executor,
  receipts: readonly R[],
): Promise<readonly R[]> {
  const messageIds = new Set(
    receipts.flatMap(({ recipient, messageId }) => (recipient !== null && messageId ? messageId : [])),
  );
  if (messageIds.size === 0) return receipts;
  const messages = await tx.message.findMany({
    // A text message has one recipient, in any spelling.
    where: { id: { in: [...messageIds] }, messageType: 'email' },
    select: {
      id: true,
      to: true,
      idempotencyResetAt: true,
      receipts: {
        select: { state: true, recipient: true, reason: true, receivedAt: true },
        orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }],
      },
    },
  });
  // An email whose address came from its contact has one, too.
  const emails = new Map(messages.filter(({ to }) => parseRecipients(to).length > 0).map((email) => [email.id, email]));
  return receipts.filter(({ state, recipient, messageId }) => {
    const email = emails.get(messageId ?? '');
    if (!email || recipient === null) return true;
    if (!parseRecipients(email.to).some((address) => isSameRecipient(recipient, address))) return false;
    if (state !== 'failed') return true;
    const earlier = selectReceiptsSince(email.idempotencyResetAt, email.receipts) as RecipientReceipt[];
    const all = [...earlier, ...receipts.filter((receipt) => receipt.messageId === messageId)];
    return computeRecipientStates(email.to, all).every((one) => one.state === 'failed');
  });
}
