import { type Capabilities, type Channel, defineChannel, type ReceiptContent } from '../channel.ts';
import { createLidBook } from '../whatsapp-web/lid-book.ts';
import { defaultDelivery } from '../whatsapp-web/pacing.ts';
import { receiptWithinMs } from '../whatsapp-web/receipts.ts';
import { callEvolution } from './api.ts';
import { createConfigSchema, type EvolutionConfig, type EvolutionContext } from './config.ts';
import { fetchMedia } from './media.ts';
import { readStatusList } from './read-webhook.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { getPairing, verifyConfig } from './session.ts';
import { createEvolutionWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'phone',
  attachments: 'bytes',
  receipts: true,
  receiptWithinMs,
  // The server chooses the ids of messages, and sends a repeat again.
  idempotent: false,
  vendorAddresses: true,
  managesOptOuts: false,
};

/**
 * Creates the channel of Evolution API, a server that is linked to a phone's WhatsApp: texts, files, receipts, and messages from contacts and
 * from the phone itself.
 *
 * @param options.allowPrivateTargets lets connections use a server that is private or without https
 */
export function createEvolutionChannel(options: { allowPrivateTargets: boolean }): Channel {
  const lids = createLidBook();
  return defineChannel<EvolutionConfig>({
    type: 'evolution',
    title: 'Evolution API',
    configSchema: createConfigSchema(options.allowPrivateTargets),
    capabilities,
    defaultDelivery,
    setupGuide: 'channels/evolution',
    send: (context, message) => sendMessage({ lids }, context, message),
    lookUpReceipt,
    fetchAttachment: fetchMedia,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks, getPairing },
    webhooks: createEvolutionWebhooks(lids),
  });
}

/** Asks the server for the states of a message: events that it could not post are lost when it restarts. */
async function lookUpReceipt(context: EvolutionContext, externalId: string): Promise<ReceiptContent | null> {
  const body = { where: { id: externalId } };
  const result = await callEvolution(context, { method: 'POST', path: '/chat/findStatusMessage', body });
  return result.kind === 'ok' ? readStatusList(result.body, externalId) : null;
}
