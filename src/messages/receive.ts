import { type Clock, nowOf } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import { storable } from '../core/text.ts';
import type { Database } from '../database/client.ts';
import { readDeliveryWebhook } from '../highlevel/payloads.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Queue } from '../queue/boss.ts';
import { deliverKey } from './store.ts';

export interface ReceiveDeps {
  db: Database;
  queue: Queue;
  clock: Clock;
  newId: NewId;
}

/**
 * Stores an outbound message and its job in one transaction; the caller acknowledges only after it. HighLevel may post the same
 * message again, and what our own inbound post created may come back as an echo: one `messageId` of a location is one message.
 *
 * @throws AppError `payload_invalid`
 */
export async function receiveDelivery(deps: ReceiveDeps, provider: Provider, body: Buffer): Promise<'stored' | 'repeated'> {
  const webhook = readDeliveryWebhook(body, provider.kind.startsWith('email'));
  const now = nowOf(deps.clock);
  const message = { ...webhook, id: deps.newId(), attachments: [...webhook.attachments] };

  return deps.db.transaction(async (tx) => {
    const { count } = await tx.message.createMany({
      data: {
        ...message,
        direction: 'outbound',
        providerKey: provider.key,
        raw: storable(body.toString('utf8')),
        createdAt: now,
        updatedAt: now,
      },
      skipDuplicates: true,
    });
    if (count === 0) return 'repeated';
    await deps.queue.enqueue(tx, 'deliver', { messageId: message.id, key: deliverKey(message) });
    return 'stored';
  });
}
