import type { Connection } from '../../connections/connect.ts';
import { dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import type { ReadAddress } from '../model/read-address.ts';
import { type Message, type StoreDeps, toDeliverJob } from '../settlement/update-messages.ts';

/** Where a test message goes when nobody says where: nobody is disturbed. The number is reserved for fiction. */
export const testAddress = { sms: '+12025550100', email: 'nobody@example.com' } as const;

/** A real message through a connection, so that somebody sees whether it works. HighLevel does not know it; it is not retried. */
export async function sendTestMessage(
  deps: StoreDeps & { newId: NewId; readAddress: ReadAddress },
  connection: Connection,
  content: { to: string; text: string; messageType: 'sms' | 'email' },
): Promise<Message> {
  const now = dateNow(deps.clock);
  const { address } = await deps.readAddress(connection.locationId, content.to);
  return deps.db.transaction(async (tx) => {
    const message = await tx.message.create({
      data: {
        id: deps.newId(),
        direction: 'outbound',
        isTest: true,
        locationId: connection.locationId,
        providerKey: connection.providerKey,
        connectionId: connection.id,
        ...content,
        to: address,
        rawAddress: address === content.to ? null : content.to,
        subject: content.messageType === 'email' ? content.text : null,
        rawPayload: '',
        createdAt: now,
        updatedAt: now,
      },
    });
    await enqueue(tx, [toDeliverJob(message, now)]);
    return message;
  });
}
