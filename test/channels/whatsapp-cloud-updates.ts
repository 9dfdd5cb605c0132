import type { InboundContent } from '../../src/channels/channel.ts';
import { readWebhook } from '../../src/channels/whatsapp-cloud/read-webhook.ts';

export const owner = { phoneNumberId: '106540352242922', businessAccountId: '102290129340398' };
export const metadata = { display_phone_number: '15550783881', phone_number_id: owner.phoneNumberId };

/** Builds the body of a webhook with one change. */
export const toBody = (value: object, field = 'messages') =>
  Buffer.from(
    JSON.stringify({ entry: [{ id: owner.businessAccountId, changes: [{ field, value: { metadata, ...value } }] }] }),
  );

/** Reads the events of one change. */
export const readAll = (value: object, field?: string) => readWebhook(toBody(value, field), owner).events;

/** Reads one message of a contact. */
export function readOne(message: object, contacts: object[] = []): InboundContent {
  const base = { from: '16505551234', id: 'wamid.1', timestamp: '1749416383' };
  const [event] = readAll({ contacts, messages: [{ ...base, ...message }] });
  if (event?.kind !== 'inbound') throw new Error('The message was not read.');
  return event.inbound;
}
