import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { fetchMedia } from './attachments.ts';
import { createConfigSchema, type WhatsAppConfig } from './config.ts';
import { createPairBackoff } from './outcome.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { createTemplateCache, listUsableTemplates } from './templates.ts';
import { listNumbers, verifyConfig } from './verify.ts';
import { whatsAppWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  attachments: 'bytes',
  receipts: true,
  receiptWithinMs: 10 * 60_000,
  // Meta has no idempotency key. A status proves a send of unknown outcome: it returns our id.
  idempotent: false,
  // WhatsApp keeps a list of those who stopped marketing alone.
  // The address by which WhatsApp knows the contact, and the time of the last message for the 24-hour window.
  vendorAddresses: true,
  managesOptOuts: false,
};

/**
 * Creates the channel of Meta's WhatsApp Cloud API: text, files and templates from one business number, receipts, and messages from
 * contacts.
 *
 * @param options.allowPrivateTargets lets connections use a Graph API address that is private or without https
 */
export function createWhatsAppCloudChannel(options: { allowPrivateTargets: boolean }): Channel {
  const deps = { templates: createTemplateCache(), pairs: createPairBackoff() };
  return defineChannel<WhatsAppConfig>({
    type: 'whatsapp_cloud',
    title: 'WhatsApp Cloud API',
    configSchema: createConfigSchema(options.allowPrivateTargets),
    capabilities,
    setupGuide: 'channels/whatsapp_cloud',
    send: (context, message) => sendMessage(deps, context, message),
    fetchAttachment: fetchMedia,
    setup: {
      verify: verifyConfig,
      registerWebhooks,
      unregisterWebhooks,
      listSenders: listNumbers,
      listTemplates: listUsableTemplates,
    },
    webhooks: whatsAppWebhooks,
  });
}
