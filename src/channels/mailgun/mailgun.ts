import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createMailgunConfigSchema, type MailgunConfig } from './config.ts';
import { lookUpReceipt, lookUpSend } from './look-up.ts';
import { fetchStoredFile } from './media.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { verifyConfig } from './verify.ts';
import { createMailgunWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['email'],
  addressType: 'email',
  attachments: 'bytes',
  receipts: true,
  idempotent: false,
  vendorAddresses: false,
  // Mailgun knows its own unsubscribe links; an email that says STOP is a message to it.
  managesOptOuts: false,
};

/**
 * Creates the channel for Mailgun: email from a domain of the user's own account.
 *
 * @param options.allowPrivateTargets lets the base URL be private and plain http, for a simulator
 */
export function createMailgunChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<MailgunConfig>({
    type: 'mailgun',
    title: 'Mailgun',
    configSchema: createMailgunConfigSchema(options.allowPrivateTargets),
    capabilities,
    setupGuide: 'channels/mailgun',
    send: sendMessage,
    lookUpSend,
    lookUpReceipt,
    fetchAttachment: fetchStoredFile,
    listUnsubscribeSecrets: ({ webhookSigningKey }) => [webhookSigningKey],
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks },
    webhooks: createMailgunWebhooks(),
  });
}
