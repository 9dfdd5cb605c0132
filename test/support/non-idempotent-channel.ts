import * as z from 'zod';
import { type Channel, defineChannel, type SendOutcome } from '../../src/channels/channel.ts';

/** Creates a channel whose vendor is not idempotent: a message that is sent twice arrives twice. */
export function createNonIdempotentChannel(send: () => Promise<SendOutcome>): Channel {
  return defineChannel({
    type: 'non_idempotent',
    title: 'Careless',
    configSchema: z.strictObject({}),
    capabilities: {
      messageTypes: ['sms'],
      addressType: 'phone',
      attachments: 'none',
      receipts: false,
      idempotent: false,
      vendorAddresses: false,
      managesOptOuts: false,
    },
    send,
  });
}
