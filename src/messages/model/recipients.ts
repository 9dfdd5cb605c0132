import { stripDisplayName } from '../../core/address.ts';
import type { Executor } from '../../database/client.ts';
import { advance, type MessageState } from './state.ts';

/** What a far side said of one recipient, or of all (null). */
export interface RecipientReceipt {
  readonly state: Exclude<MessageState, 'pending'>;
  readonly recipient: string | null;
  readonly reason: string | null;
}

export interface RecipientState {
  readonly address: string;
  readonly state: MessageState;
  /** Why it failed. */
  readonly reason: string | null;
}

/** The addresses of an email, without the names. */
export function parseRecipients(to: string | null): string[] {
  const addresses = (to ?? '').split(',').map((entry) => stripDisplayName(entry.trim()).trim());
  return addresses.filter((address) => address.includes('@'));
}

/** Where an email stands with each of its recipients. Receipts in any order and any number of times end in the same states. */
export function computeRecipientStates(to: string | null, receipts: readonly RecipientReceipt[]): RecipientState[] {
  return parseRecipients(to).map((address) => {
    let state: MessageState = 'pending';
    let reason: string | null = null;
    for (const receipt of receipts) {
      if (receipt.recipient !== null && !isSameRecipient(receipt.recipient, address)) continue;
      const nextState = advance(state, receipt.state);
      if (nextState !== state) reason = nextState === 'failed' ? receipt.reason : null;
      state = nextState;
    }
    return { address, state, reason };
  });
}

function isSameRecipient(named: string, address: string): boolean {
  return (parseRecipients(named)[0] ?? named).toLowerCase() === address.toLowerCase();
}

/** Those of the present sending: after a person has had a failed message sent again, what was said before is of an earlier one. */
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
 * Leaves out what is not said of the whole message: what became of a copy, whose address is none of the email's own, and the failure of
 * one recipient while others have not failed. An email has failed when it has with every recipient; it is delivered, or read, when it is
 * with any. Costs nothing where no receipt names a recipient.
 *
 * @param receipts new ones: they are not stored yet, or not as their message's. Their messages are locked: who hears of one recipient must
 *   see what another has just heard of the other
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
    // A text has one recipient, however it is written.
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
  // So has an email whose address came from its contact.
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
