import { usualSms } from '../../core/sms/sms-message.ts';
import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { type AndroidConfig, createAndroidConfigSchema } from './config.ts';
import { fetchFile } from './files.ts';
import { createPhoneCheck } from './phone.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { lookUpReceipt, lookUpSend, sendMessage } from './send.ts';
import { listSenders, verifyConfig } from './verify.ts';
import { androidWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  // As addresses in the text.
  attachments: 'urls',
  receipts: true,
  // The gateway recognises an id for each phone, and chooses any phone where none is named: a repeat could go out through another one.
  idempotent: false,
  vendorAddresses: false,
  managesOptOuts: false,
};

/**
 * Creates the channel for an Android phone with the app SMS Gateway: in its maker's cloud, on a server of one's own, or on the phone itself.
 *
 * @param options.allowPrivateTargets lets the base URL be private and plain http
 */
export function createAndroidSmsGatewayChannel(options: { allowPrivateTargets: boolean }): Channel {
  const checkPhone = createPhoneCheck();
  return defineChannel<AndroidConfig>({
    type: 'android_sms_gateway',
    title: 'Android SMS Gateway',
    configSchema: createAndroidConfigSchema(options.allowPrivateTargets),
    capabilities,
    getCapabilities: ({ deviceId }) => ({ ...capabilities, idempotent: deviceId !== undefined }),
    getSmsOptions: () => ({ ...usualSms, files: 'in_text' }),
    setupGuide: 'channels/android_sms_gateway',
    send: (context, message) => sendMessage(context, message, checkPhone),
    lookUpSend,
    lookUpReceipt,
    fetchAttachment: fetchFile,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks, listSenders },
    webhooks: androidWebhooks,
  });
}
