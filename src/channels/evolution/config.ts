import * as z from 'zod';
import type { ChannelContext } from '../channel.ts';
import { createPairingPhone, createSecret, createServerAddress } from '../whatsapp-web/config-fields.ts';

export type EvolutionConfig = z.output<ReturnType<typeof createConfigSchema>>;

export type EvolutionContext = ChannelContext<EvolutionConfig>;

/** Path of the channel's only webhook. */
export const webhookPath = 'webhook';

/** Creates the config schema of the channel `evolution`. */
export function createConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    baseUrl: createServerAddress(allowPrivateTargets, 'https://evolution.example.com').meta({
      title: 'Server address',
      description: 'The address of your Evolution API server, as this program reaches it.',
      placeholder: 'https://evolution.example.com',
    }),
    apiKey: createSecret().meta({
      title: 'API key',
      description: 'The instance’s own token. The server’s AUTHENTICATION_API_KEY works too, and rules all of its instances.',
      sensitive: true,
      sentTo: 'baseUrl',
    }),
    instance: z
      .string()
      .trim()
      .min(1)
      .max(100)
      .regex(/^[^/\\?#%\p{Cc}]+$/u, { error: 'must be the name of an instance' })
      .meta({ title: 'Instance', description: 'Name of the instance at the server.' }),
    webhookSecret: createSecret(16).optional().meta({
      title: 'Webhook secret',
      description: 'It proves that webhooks come from the server. Made when left out.',
      sensitive: true,
      sentTo: 'baseUrl',
      generate: 'webhookSecret',
    }),
    pairingPhone: createPairingPhone(),
  });
}
