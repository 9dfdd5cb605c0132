import { type Capabilities, type Channel, defineChannel } from '../channel.ts';
import { createTelegramConfigSchema, type TelegramConfig } from './config.ts';
import { fetchTelegramFile } from './files.ts';
import { registerWebhooks, unregisterWebhooks } from './register-webhooks.ts';
import { sendMessage } from './send.ts';
import { buildContactLink, verifyConfig } from './verify.ts';
import { telegramWebhooks } from './webhooks.ts';

const capabilities: Capabilities = {
  messageTypes: ['sms'],
  addressType: 'vendor_id',
  attachments: 'bytes',
  // Telegram puts a message into the chat before it responds, and reports neither that a device has it nor that it was read.
  receipts: false,
  // There is no key against repeats, and no way to ask for a message: an unknown outcome follows the connection's policy.
  idempotent: false,
  vendorAddresses: true,
  // A contact who blocks the bot is reported; the words are ours to recognise.
  managesOptOuts: false,
};

/**
 * Creates the channel for Telegram: one bot, and its private chats.
 *
 * @param options.allowPrivateTargets lets the Bot API address be private and plain http, for a simulator or a server of one's own
 */
export function createTelegramChannel(options: { allowPrivateTargets: boolean }): Channel {
  return defineChannel<TelegramConfig>({
    type: 'telegram',
    title: 'Telegram',
    configSchema: createTelegramConfigSchema(options.allowPrivateTargets),
    capabilities,
    setupGuide: 'channels/telegram',
    send: sendMessage,
    fetchAttachment: fetchTelegramFile,
    buildContactLink,
    setup: { verify: verifyConfig, registerWebhooks, unregisterWebhooks },
    webhooks: telegramWebhooks,
  });
}
