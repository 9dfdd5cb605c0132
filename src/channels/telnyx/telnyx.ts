import { usualSms } from '../../core/sms/sms-message.ts';
import { type Channel, defineChannel } from '../channel.ts';
import { createTelnyxConfigSchema, type TelnyxConfig } from './config.ts';
import { lookUpReceipt, lookUpSend } from './look-up.ts';
import { listSenders } from './numbers.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { verifyConfig } from './verify.ts';
import { telnyxWebhooks } from './webhooks.ts';

/**
 * Creates the channel for Telnyx: SMS and MMS, from a number, a short code, a name or the numbers of a messaging profile.
 *
 * @param options.allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createTelnyxChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<TelnyxConfig>({
    type: 'telnyx',
    title: 'Telnyx',
    configSchema: createTelnyxConfigSchema(options.allowPrivateTargets),
    capabilities: {
      messageTypes: ['sms'],
      addressType: 'phone',
      attachments: 'urls',
      receipts: true,
      idempotent: false,
      vendorAddresses: false,
      managesOptOuts: true,
    },
    getSmsOptions: () => ({ ...usualSms, files: 'mms' }),
    setupGuide: 'channels/telnyx',
    send: sendMessage,
    lookUpSend,
    lookUpReceipt,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks, listSenders },
    webhooks: telnyxWebhooks,
  });
}
