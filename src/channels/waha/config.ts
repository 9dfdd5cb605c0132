import * as z from 'zod';
import type { ChannelContext } from '../channel.ts';
import { createPairingPhone, createSecret, createServerAddress } from '../whatsapp-web/config-fields.ts';

export type WahaConfig = z.output<ReturnType<typeof createConfigSchema>>;

export type WahaContext = ChannelContext<WahaConfig>;

/** Path of the channel's only webhook. */
export const webhookPath = 'webhook';

/** Creates the config schema of the channel `waha`. */
export function createConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    baseUrl: createServerAddress(allowPrivateTargets, 'https://waha.example.com').meta({
      title: 'Server address',
      description: 'The address of your WAHA server, as this program reaches it.',
      placeholder: 'https://waha.example.com',
    }),
    apiKey: createSecret().meta({
      title: 'API key',
      description: 'The server’s WAHA_API_KEY, or a key that is limited to the session.',
      sensitive: true,
      sentTo: 'baseUrl',
    }),
    session: z
      .string()
      .trim()
      .regex(/^[A-Za-z0-9_.-]{1,64}$/, { error: 'must be the name of a session: letters, digits, - and _' })
      .default('default')
      .meta({ title: 'Session', description: 'Name of the session at the server.' }),
    hmacKey: createSecret(8).optional().meta({
      title: 'HMAC key',
      description: 'It proves that webhooks come from the server. Made when left out.',
      sensitive: true,
      sentTo: 'baseUrl',
      generate: 'webhookSecret',
    }),
    pairingPhone: createPairingPhone(),
  });
}
