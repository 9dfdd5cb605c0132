import * as z from 'zod';
import {
  type ChannelContext,
  defineChannel,
  type Pairing,
  type RegisterResult,
  type SendOutcome,
  type VerifyResult,
} from '../../src/channels/channel.ts';
import { type Channels, indexChannels } from '../../src/channels/registry.ts';
import { AppError } from '../../src/core/errors.ts';

const configSchema = z.strictObject({
  key: z.string().min(8).meta({ title: 'Key', sensitive: true, sentTo: [] }),
  region: z.enum(['us', 'eu']).default('us'),
  from: z.string().optional(),
  hookSecret: z.string().optional().meta({ title: 'Webhook secret', sensitive: true, sentTo: [], generate: 'signingSecret' }),
});

type Config = z.output<typeof configSchema>;

export type Acme = ReturnType<typeof createAcme>;

/** A vendor of the tests whose every word a test decides, with a channel that uses the whole of the setup. */
export function createAcme(options: { canVerify?: boolean; canRegister?: boolean } = {}) {
  const { canVerify = true, canRegister = true } = options;
  const calls: string[] = [];
  const acme = {
    calls,
    sent: [] as string[],
    verify: async (_context: ChannelContext<Config>): Promise<VerifyResult> => ({ kind: 'verified', account: 'Acme Inc.' }),
    register: async (_context: ChannelContext<Config>, _replace: boolean): Promise<RegisterResult> => ({ kind: 'registered' }),
    unregister: async (_context: ChannelContext<Config>): Promise<void> => {},
    pairing: undefined as Pairing | undefined,
    send: async (_context: ChannelContext<Config>): Promise<SendOutcome> => ({ kind: 'delivered', externalIds: [] }),
    countCalls: (name: string) => calls.filter((call) => call === name).length,
    channels: (): Channels => indexChannels([createChannel('acme'), createChannel('acme_two')]),
  };

  function createChannel(type: string) {
    return defineChannel<Config>({
      type,
      title: 'Acme',
      configSchema,
      capabilities: {
        messageTypes: ['sms', 'email'],
        addressType: 'phone',
        attachments: 'urls',
        receipts: true,
        idempotent: true,
        vendorAddresses: false,
        managesOptOuts: false,
      },
      async send(context, message) {
        const outcome = await acme.send(context);
        if (outcome.kind === 'delivered') acme.sent.push(message.text ?? '');
        return outcome;
      },
      ...(canVerify && {
        setup: {
          verify(context) {
            calls.push('verify');
            return acme.verify(context);
          },
          ...(canRegister && {
            registerWebhooks(context: ChannelContext<Config>, replace: boolean) {
              calls.push(replace ? 'replace' : 'register');
              return acme.register(context, replace);
            },
          }),
          unregisterWebhooks(context) {
            calls.push(`unregister ${context.connection.config.key}`);
            return acme.unregister(context);
          },
          async getPairing() {
            calls.push('pairing');
            return acme.pairing ?? { status: 'paired' };
          },
          async listSenders() {
            calls.push('senders');
            return [
              { address: '+12025550100', label: 'Main number' },
              { address: '+12025550101', label: 'Spare number' },
            ];
          },
          async listTemplates() {
            calls.push('templates');
            return [{ name: 'reminder', language: 'en', category: 'utility', body: 'Hello {{1}}!', parameters: ['1'] }];
          },
        },
      }),
      webhooks: {
        paths: ['webhook'],
        receive({ connection: { config } }, { headers }) {
          if (headers['x-acme-secret'] !== config.hookSecret) throw new AppError('signature_invalid', 'A wrong secret.');
          return { events: [] };
        },
      },
    });
  }

  return acme;
}

export const acmeKey = 'the-key-of-acme';

export const rejectedKey: VerifyResult = {
  kind: 'rejected',
  problems: [{ field: 'key', code: 'wrong_key', message: `Acme does not know the key ${acmeKey}.` }],
};
