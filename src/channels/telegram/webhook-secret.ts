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

/** Finds the token by which a webhook was registered: that of this connection, or the one before a change. @returns null for a wrong secret */
export function findToken(
  { id, config, previousConfig }: Pick<ChannelConnection<TelegramConfig>, 'id' | 'config' | 'previousConfig'>,
  given: string | string[] | undefined,
): string | null {
  const tokens = [config.token, ...(previousConfig ? [previousConfig.token] : [])];
  if (typeof given !== 'string') return null;
  return tokens.find((token) => safeEqual(given, deriveWebhookSecret(token, id))) ?? null;
}
