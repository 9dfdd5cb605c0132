import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createResendConfigSchema, type ResendConfig } from './config.ts';
import { lookUpReceipt } from './look-up.ts';
import { fetchReceivedFile } from './media.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { verifyConfig } from './verify.ts';
import { resendWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['email'],
  addressType: 'email',
  attachments: 'bytes',
  receipts: true,
  // By the key, for 24 hours. Retries end after 22 to 27 hours, so that only the last one may come later, after a day without any response.
  idempotent: true,
  vendorAddresses: false,
  managesOptOuts: false,
};

/**
 * Creates the channel for Resend: email from a domain of the user's own account.
 *
 * @param options.allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createResendChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<ResendConfig>({
    type: 'resend',
    title: 'Resend',
    configSchema: createResendConfigSchema(options.allowPrivateTargets),
    capabilities,
    // Resend takes two requests a second from a new account.
    defaultDelivery: { ratePerSecond: 2 },
    setupGuide: 'channels/resend',
    send: sendMessage,
    lookUpReceipt,
    fetchAttachment: fetchReceivedFile,
    listUnsubscribeSecrets: ({ webhookSecret }) => [webhookSecret],
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks },
    webhooks: resendWebhooks,
  });
}
