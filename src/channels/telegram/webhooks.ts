import { AppError } from '../../core/errors.ts';
import { truncate } from '../../core/sanitize.ts';
import type { ChannelWebhooks } from '../channel.ts';
import { parseBotId, type TelegramConfig, webhookPath } from './config.ts';
import { readUpdate } from './read-update.ts';
import { createReply } from './replies.ts';
import { findToken, secretHeader } from './webhook-secret.ts';

/** Webhook of Telegram: one update in each request. */
export const telegramWebhooks: ChannelWebhooks<TelegramConfig> = {
  paths: [webhookPath],
  signatureHeader: secretHeader,
  receive({ connection }, { path, method, headers, body }) {
    if (path !== webhookPath) {
      throw new AppError('not_found', `This channel has no event called ${truncate(path, 40)}; it has ${webhookPath}.`);
    }
    if (method !== 'POST') throw new AppError('method_not_allowed', 'Telegram calls this address with POST.');
    const token = findToken(connection, headers[secretHeader]);
    if (token === null) {
      throw new AppError('signature_invalid', 'The secret token is missing, or is not the one of this connection.');
    }
    const update = readUpdate(body, parseBotId(token));
    return { events: update.events, response: (_outcome, links) => createReply(update, links) };
  },
};
