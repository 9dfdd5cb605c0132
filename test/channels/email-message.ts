import type { OutboundMessage } from '../../src/channels/channel.ts';
import { message } from './contract.ts';

const id = '0199aaaa-0000-7000-8000-000000000001';

/** An email as the program passes it to a channel. */
export const mailMessage: OutboundMessage = {
  ...message,
  ...{ id, idempotencyKey: id, messageType: 'email', to: 'maya@example.com', subject: 'Hello' },
  ...{ html: '<p>Hi <b>Maya</b></p>', text: null },
};
