import * as z from 'zod';
import { requireSignature } from '../../runtime/standard-webhooks.ts';
import { type Channel, defineChannel } from '../channel.ts';
import { acknowledge, gatewayCapabilities, sendSigned } from '../gateway/gateway.ts';
import { readGatewayWebhook, toSendBody } from '../gateway/protocol.ts';

/** Address of the phone of sandbox mode: a vendor that needs no account. */
export interface Phone {
  readonly url: string;
  readonly secret: string;
}

/**
 * Creates the channel of the sandbox phone. It speaks the gateway protocol and receives its webhook URL with each message, so one phone
 * serves every connection.
 */
export function createSandboxChannel(phone: Phone): Channel {
  return defineChannel({
    type: 'sandbox',
    title: 'Sandbox phone',
    configSchema: z.strictObject({}),
    capabilities: gatewayCapabilities,
    send: (context, message) =>
      sendSigned(context, { url: `${phone.url}/messages`, secret: phone.secret, timeoutMs: 2_000 }, message, {
        ...toSendBody(message),
        callbackUrl: context.connection.webhookUrl,
      }),
    webhooks: {
      // The phone receives its webhook URL with each message.
      paths: [],
      signatureHeader: 'webhook-signature',
      receive(_context, { path, headers, body }) {
        requireSignature([phone.secret], headers, body);
        return { events: [readGatewayWebhook(path, body)], response: acknowledge };
      },
    },
  });
}
