import type { InboundContent } from '../channels/channel.ts';
import { nowOf } from '../core/clock.ts';
import { storable } from '../core/text.ts';
import type { Provider } from '../highlevel/providers.ts';
import type { Connection } from '../installations/connections.ts';
import type { ReceiveDeps } from './receive.ts';
import { postKey } from './store.ts';

/** What a far side tells us is stored with its job before it is acknowledged; the same external id again changes nothing. */
export async function receiveInbound(
  deps: ReceiveDeps,
  connection: Connection,
  provider: Provider,
  content: InboundContent,
  body: Buffer,
): Promise<'stored' | 'repeated'> {
  const now = nowOf(deps.clock);
  const id = deps.newId();
  return deps.db.transaction(async (tx) => {
    const { count } = await tx.message.createMany({
      data: {
        id,
        direction: 'inbound',
        locationId: connection.locationId,
        providerKey: connection.providerKey,
        connectionId: connection.id,
        externalId: content.externalId,
        inboundKey: `${connection.id}/${content.externalId}`,
        medium: provider.kind.startsWith('email') ? 'email' : 'sms',
        from: content.from,
        to: content.to ?? null,
        name: content.name ?? null,
        text: content.text ?? null,
        html: content.html ?? null,
        subject: content.subject ?? null,
        attachments: [...content.attachments],
        sentElsewhere: content.sentElsewhere,
        occurredAt: content.occurredAt ?? null,
        raw: storable(body.toString('utf8')),
        createdAt: now,
        updatedAt: now,
      },
      skipDuplicates: true,
    });
    if (count === 0) return 'repeated';
    await deps.queue.enqueue(tx, 'post', { messageId: id, key: postKey(connection.id, content.from) });
    return 'stored';
  });
}
