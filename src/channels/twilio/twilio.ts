import { usualSms } from '../../core/sms/sms-message.ts';
import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createTwilioConfigSchema, isWhatsApp, type TwilioConfig } from './config.ts';
import { lookUpReceipt, lookUpSend } from './look-up.ts';
import { fetchMedia } from './media.ts';
import { listSenders } from './numbers.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { verifyConfig } from './verify.ts';
import { twilioWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  attachments: 'urls',
  receipts: true,
  idempotent: false,
  // Those of WhatsApp differ from the number in some countries.
  vendorAddresses: true,
  managesOptOuts: true,
};

/**
 * Creates the channel for Twilio: SMS, MMS and WhatsApp, from a number or a Messaging Service.
 *
 * @param options.allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createTwilioChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<TwilioConfig>({
    type: 'twilio',
    title: 'Twilio',
    configSchema: createTwilioConfigSchema(options.allowPrivateTargets),
    capabilities,
    getCapabilities: ({ from }) => ({
      ...capabilities,
      // A number for SMS alone knows contacts by their numbers; a Messaging Service may have WhatsApp senders too.
      vendorAddresses: from === undefined || isWhatsApp(from),
      // Twilio keeps no list of opt-outs for WhatsApp.
      managesOptOuts: !isWhatsApp(from),
    }),
    getSmsOptions: ({ from }) => (isWhatsApp(from) ? null : { ...usualSms, files: 'mms' }),
    setupGuide: 'channels/twilio',
    send: sendMessage,
    lookUpSend,
    lookUpReceipt,
    fetchAttachment: fetchMedia,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks, listSenders },
    webhooks: twilioWebhooks,
  });
}
