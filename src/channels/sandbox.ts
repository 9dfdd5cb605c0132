import * as z from 'zod';
import { requireSignature } from '../runtime/standard-webhooks.ts';
import { type Channel, defineChannel } from './channel.ts';
import { sendSigned } from './gateway.ts';
import { readGatewayCallback, sendBody } from './gateway-payloads.ts';

/** The phone that sandbox mode shows: a far side that needs no account. */
export interface Phone {
  readonly url: string;
  readonly secret: string;
}

/**
 * The phone of sandbox mode. It speaks the gateway protocol and is told where to call back, so one phone serves every connection.
 */
export function sandboxChannel(phone: Phone): Channel {
  return defineChannel({
    type: 'sandbox',
    title: 'Sandbox phone',
    configSchema: z.strictObject({}),
    can: { receipts: true, media: true, email: true, dropsRepeats: true },
    signatureHeader: 'webhook-signature',
    // It is told where to call with every message.
    callbacks: [],
    send: (tools, connection, message) =>
      sendSigned(tools, { url: `${phone.url}/messages`, secret: phone.secret, timeoutMs: 2_000 }, message, {
        ...sendBody(message),
        callbackUrl: connection.callbackUrl,
      }),
    readCallback(_connection, event, callback) {
      requireSignature([phone.secret], callback.headers, callback.body);
      return readGatewayCallback(event, callback.body);
    },
  });
}
