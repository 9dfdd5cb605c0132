import * as z from 'zod';
import type { ChannelContext } from '../channel.ts';
import { createBaseAddressField } from '../web-address.ts';

export type TelegramConfig = z.output<ReturnType<typeof createTelegramConfigSchema>>;

export type TelegramContext = ChannelContext<TelegramConfig>;

/** State of a connection: the bot that its token belongs to. */
export interface TelegramState {
  readonly botId: string;
  readonly username: string;
}

export const defaultBaseUrl = 'https://api.telegram.org';

/** Path of the channel's only webhook. */
export const webhookPath = 'webhook';

const botToken = /^\d{3,20}:[A-Za-z0-9_-]{20,100}$/;

/**
 * Creates the schema of a connection's config.
 *
 * @param allowPrivateTargets lets the base URL be private and plain http, for a simulator or a Bot API server of one's own
 */
export function createTelegramConfigSchema(allowPrivateTargets: boolean) {
  return z.strictObject({
    token: z
      .string()
      .trim()
      .refine((value) => botToken.test(value), {
        error: 'must be a number, a colon and a text, as BotFather shows it',
        params: { code: 'format' },
      })
      .meta({ title: 'Bot token', description: 'From @BotFather in Telegram.', sensitive: true, sentTo: 'baseUrl' }),
    baseUrl: createBaseAddressField(allowPrivateTargets)
      .default(defaultBaseUrl)
      .meta({ title: 'Bot API address', advanced: true }),
  });
}

/** Returns the bot's id, which its token begins with. */
export function parseBotId(token: string): string {
  return token.slice(0, token.indexOf(':'));
}
