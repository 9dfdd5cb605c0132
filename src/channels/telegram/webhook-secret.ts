import { createHmac } from 'node:crypto';
import { safeEqual } from '../../core/safe-equal.ts';
import type { ChannelConnection } from '../channel.ts';
import type { TelegramConfig } from './config.ts';

/** Header in which Telegram returns the secret of the registration. There is no signature of the body. */
export const secretHeader = 'x-telegram-bot-api-secret-token';

/** Derives the secret of a connection's webhook: a MAC of its id under the bot's token, which does not disclose the token. */
export function deriveWebhookSecret(token: string, connectionId: string): string {
  return createHmac('sha256', token).update(`webhook of ${connectionId}`).digest('base64url');
}

/** Returns whether a webhook has the secret of this connection, or of its token before a change. */
export function isAuthentic(
  { id, config, previousConfig }: Pick<ChannelConnection<TelegramConfig>, 'id' | 'config' | 'previousConfig'>,
  given: string | string[] | undefined,
): boolean {
  const tokens = [config.token, ...(previousConfig ? [previousConfig.token] : [])];
  return typeof given === 'string' && tokens.some((token) => safeEqual(given, deriveWebhookSecret(token, id)));
}
