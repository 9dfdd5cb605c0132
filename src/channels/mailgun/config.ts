import * as z from 'zod';
import type { ChannelContext } from '../channel.ts';
import { isMailDomain } from '../mail/addresses.ts';
import { mailSettings, senderField } from '../mail/config.ts';
import { createBaseAddressField } from '../web-address.ts';

export type MailgunConfig = z.output<ReturnType<typeof createMailgunConfigSchema>>;

export type MailgunContext = ChannelContext<MailgunConfig>;

export const defaultBaseUrl = 'https://api.mailgun.net';

const secret = () => z.string().trim().min(1).max(200);

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createMailgunConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    apiKey: secret().meta({
      title: 'API key',
      description:
        'An API key of the account. With a sending key of the domain, webhooks and routes have to be entered by hand.',
      sensitive: true,
      sentTo: 'baseUrl',
    }),
    domain: z
      .string()
      .trim()
      .toLowerCase()
      .refine(isMailDomain, { error: 'must be a domain such as mg.example.com', params: { code: 'format' } })
      .meta({ title: 'Domain', placeholder: 'mg.example.com' }),
    from: senderField(),
    webhookSigningKey: secret().meta({
      title: 'Webhook signing key',
      description: 'Mailgun signs its webhooks with it. It is another key than the API key.',
      sensitive: true,
      sentTo: [],
    }),
    ...mailSettings,
    baseUrl: createBaseAddressField(allowPrivateTargets, ['/v3', '/v4'])
      .default(defaultBaseUrl)
      .meta({ title: 'API base URL', advanced: true }),
  });
}
