import type { Connection } from '../../connections/connection.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { NewId } from '../../core/ids.ts';
import type { Database } from '../../database/client.ts';
import { enqueue } from '../../queue/sql/add-jobs.ts';
import type { Message } from '../model/message.ts';
import { toDeliverJob } from '../model/message-jobs.ts';
import type { ReadAddress } from '../model/read-address.ts';

/** Default recipients of a test message. They reach no person: the number is reserved for fiction. */
export const testAddress = { sms: '+12025550100', email: 'nobody@example.com' } as const;

export interface SendTestDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  readAddress: ReadAddress;
}

/** Stores and enqueues a real message, to test a connection. HighLevel does not know it, and it is not retried. */
export async function sendTestMessage(
  deps: SendTestDeps,
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
