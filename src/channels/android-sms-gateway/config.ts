import * as z from 'zod';
import { createBaseAddressField } from '../web-address.ts';

export type AndroidConfig = z.output<ReturnType<typeof createAndroidConfigSchema>>;

const secret = () => z.string().trim().min(1).max(200);

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http: a phone in the same network, or a simulator
 */
export function createAndroidConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    baseUrl: createBaseAddressField(allowPrivateTargets, ['/messages', '/message']).meta({
      title: 'Gateway address',
      placeholder: 'https://api.sms-gate.app/3rdparty/v1',
    }),
    username: z.string().trim().min(1).max(200).meta({ title: 'User name' }),
    password: secret().meta({ title: 'Password', sensitive: true, sentTo: 'baseUrl' }),
    signingKey: secret().meta({
      title: 'Signing key',
      description: 'In the app, Settings › Webhooks. It proves that webhooks come from the phone.',
      sensitive: true,
      sentTo: [],
    }),
    deviceId: z
      .string()
      .trim()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, { error: 'must be the id of a phone, as the app shows it' })
      .optional()
      .meta({ title: 'Device ID', description: 'The phone that sends. With it, a repeated message is never sent twice.' }),
    simNumber: z
      .int()
      .min(1)
      .max(3)
      .optional()
      .meta({ title: 'SIM card', description: '1, 2 or 3; omitted: the phone decides.' }),
  });
}
