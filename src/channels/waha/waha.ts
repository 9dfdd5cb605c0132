import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createLidBook } from '../whatsapp-web/lid-book.ts';
import { defaultDelivery } from '../whatsapp-web/pacing.ts';
import { receiptWithinMs } from '../whatsapp-web/receipts.ts';
import { createConfigSchema, type WahaConfig } from './config.ts';
import { fetchMedia } from './media.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { getPairing, verifyConfig } from './session.ts';
import { createWahaWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  attachments: 'bytes',
  receipts: true,
  receiptWithinMs,
  // Some engines take an id that the caller has chosen, for texts. That a repeat of it is dropped is not documented.
  idempotent: false,
  vendorAddresses: true,
  managesOptOuts: false,
};

/**
 * Creates the channel of WAHA, a server that is linked to a phone's WhatsApp: texts, files, receipts, and messages from contacts and from the
 * phone itself.
 *
 * @param options.allowPrivateTargets lets connections use a server that is private or without https
 */
export function createWahaChannel(options: { allowPrivateTargets: boolean }): Channel {
  const deps = { lids: createLidBook(), chats: new Map<string, string>() };
  return defineChannel<WahaConfig>({
    type: 'waha',
    title: 'WAHA',
    configSchema: createConfigSchema(options.allowPrivateTargets),
    capabilities,
    defaultDelivery,
    setupGuide: 'channels/waha',
    send: (context, message) => sendMessage(deps, context, message),
    fetchAttachment: fetchMedia,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks, getPairing },
    webhooks: createWahaWebhooks(deps.lids),
  });
}
