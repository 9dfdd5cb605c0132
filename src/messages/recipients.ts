import type { Executor } from '../database/client.ts';
import { advance, type MessageState } from './state.ts';
import { lockMessages } from './store.ts';

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
export function recipientsOf(to: string | null): string[] {
  const addresses = (to ?? '').split(',').map((entry) => (/<([^>]+)>/.exec(entry)?.[1] ?? entry).trim());
  return addresses.filter((address) => address.includes('@'));
}

/** Where an email stands with each of its recipients. Receipts in any order and any number of times end in the same states. */
export function recipientStates(to: string | null, receipts: readonly RecipientReceipt[]): RecipientState[] {
  return recipientsOf(to).map((address) => {
    let state: MessageState = 'pending';
    let reason: string | null = null;
    for (const receipt of receipts) {
      if (receipt.recipient !== null && !isSame(receipt.recipient, address)) continue;
      const next = advance(state, receipt.state);
      if (next !== state) reason = next === 'failed' ? receipt.reason : null;
      state = next;
    }
    return { address, state, reason };
  });
}

function isSame(said: string, address: string): boolean {
  return (recipientsOf(said)[0] ?? said).toLowerCase() === address.toLowerCase();
}

interface Said extends RecipientReceipt {
  readonly messageId: string | null;
}

/**
 * Leaves out the failures that are not the whole message's. An email has failed when it has with every recipient; it is delivered, or
 * read, when it is with any. Costs nothing where no failure names a recipient.
 *
 * @param receipts new ones: they are not stored yet, or not as their message's
 * @param ids all messages that the transaction is about to change. They are locked, in the order in which all lock them: who hears of
 *   one recipient must see what another has just heard of the other
 */
export async function wholeFailures<R extends Said>(
  tx: Executor,
  receipts: readonly R[],
  ids: readonly string[],
): Promise<readonly R[]> {
  const isPart = ({ state, recipient, messageId }: Said) => state === 'failed' && recipient !== null && messageId !== null;
  const parts = new Set(receipts.filter(isPart).map(({ messageId }) => messageId as string));
  if (parts.size === 0) return receipts;
  await lockMessages(tx, ids);
  const messages = await tx.message.findMany({
    where: { id: { in: [...parts] } },
    select: {
      id: true,
      medium: true,
      to: true,
      receipts: { select: { state: true, recipient: true, reason: true }, orderBy: [{ receivedAt: 'asc' }, { id: 'asc' }] },
    },
  });
  const failed = messages.filter((message) => {
    const all = [...message.receipts, ...receipts.filter(({ messageId }) => messageId === message.id)];
    return hasFailed(message, all as RecipientReceipt[]);
  });
  const isWhole = new Set(failed.map(({ id }) => id));
  return receipts.filter((receipt) => !isPart(receipt) || isWhole.has(receipt.messageId as string));
}

function hasFailed({ medium, to }: { medium: string; to: string | null }, receipts: readonly RecipientReceipt[]): boolean {
  // A text has one recipient, however it is written. So has an email whose address came from its contact.
  if (medium !== 'email' || recipientsOf(to).length === 0) return true;
  return recipientStates(to, receipts).every(({ state }) => state === 'failed');
}
