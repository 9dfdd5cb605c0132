import type { ReceiptContent } from '../channels/channel.ts';
import { nowOf } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Executor } from '../database/client.ts';
import type { Connection } from '../installations/connections.ts';
import { lockExternalId, moveTo, type StoreDeps } from './store.ts';

/**
 * Keeps what a far side says of a message, and applies it if the message is known. A receipt may come before the answer to our own
 * send: it is kept and applied when that answer names the message. Any order and any number of repeats end in the same state.
 */
export async function recordReceipt(
  deps: StoreDeps & { newId: NewId },
  connection: Connection,
  receipt: ReceiptContent,
): Promise<void> {
  const { externalId, state, error } = receipt;
  await deps.db.transaction(async (tx) => {
    if (externalId) await lockExternalId(tx, connection.id, externalId);
    const messageId = await findByReceipt(tx, connection.id, receipt);
    await tx.receipt.create({
      data: {
        id: deps.newId(),
        connectionId: connection.id,
        messageId,
        externalId: externalId ?? null,
        state,
        code: error?.code ?? null,
        reason: error?.message ?? null,
        occurredAt: receipt.occurredAt ?? null,
        receivedAt: nowOf(deps.clock),
      },
    });
    if (messageId) await moveTo(deps, tx, messageId, state, error);
  });
}

/** Only messages of this very connection: an id that a far side was never given proves nothing. */
async function findByReceipt(tx: Executor, connectionId: string, receipt: ReceiptContent): Promise<string | null> {
  const { messageId, externalId } = receipt;
  const message = await tx.message.findFirst({
    where: { connectionId, direction: 'outbound', ...(messageId ? { id: messageId } : { externalId: externalId ?? '' }) },
    orderBy: { id: 'desc' },
    select: { id: true },
  });
  return message?.id ?? null;
}
