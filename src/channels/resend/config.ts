import * as z from 'zod';
import { isSigningSecret } from '../../runtime/standard-webhooks.ts';
import type { ChannelContext } from '../channel.ts';
import { mailSettings, senderField } from '../mail/config.ts';
import { createBaseAddressField } from '../web-address.ts';

export type ResendConfig = z.output<ReturnType<typeof createResendConfigSchema>>;

export type ResendContext = ChannelContext<ResendConfig>;

export const defaultBaseUrl = 'https://api.resend.com';

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createResendConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    apiKey: z.string().trim().min(1).max(200).meta({
      title: 'API key',
      description: 'With full access. A key with sending access alone can neither register webhooks nor read received emails.',
      placeholder: 're_…',
      sensitive: true,
      sentTo: 'baseUrl',
    }),
    from: senderField(),
    webhookSecret: z
      .string()
      .trim()
      .refine(isSigningSecret, { error: 'must be whsec_ followed by letters and digits', params: { code: 'format' } })
      .meta({
        title: 'Signing secret',
        description: 'The signing secret of the webhook at Resend.',
        placeholder: 'whsec_…',
        sensitive: true,
        sentTo: [],
      }),
    ...mailSettings,
    baseUrl: createBaseAddressField(allowPrivateTargets)
      .default(defaultBaseUrl)
      .meta({ title: 'API base URL', advanced: true }),
  });
}
