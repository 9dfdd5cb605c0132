import * as z from 'zod';
import { type Channel, defineChannel, type SendOutcome } from '../../src/channels/channel.ts';

/** A channel whose far side doubles what is sent twice. */
export function createNonIdempotentChannel(send: () => Promise<SendOutcome>): Channel {
  return defineChannel({
    type: 'non_idempotent',
    title: 'Careless',
    configSchema: z.strictObject({}),
    capabilities: { receipts: false, attachments: false, email: false, idempotent: false },
    send,
    receiveWebhook: () => {
      throw new Error('it never calls back');
    },
  });
}
