import type { RegisterResult } from '../channel.ts';
import { type BotResult, callBotApi } from './bot-api.ts';
import { type TelegramContext, webhookPath } from './config.ts';
import { toFailure } from './errors.ts';
import { allowedUpdates } from './read-update.ts';
import { readWebhookInfo } from './responses.ts';
import { addressRule, canBeCalled } from './verify.ts';
import { deriveWebhookSecret } from './webhook-secret.ts';

/**
 * Registers the webhook with its secret. A bot has one webhook, and registering another takes the bot from the program that has it, so the
 * present one is read before. Updates that wait are kept.
 */
export async function registerWebhooks(context: TelegramContext, replace: boolean): Promise<RegisterResult> {
  const { id, config, webhookUrl } = context.connection;
  const url = `${webhookUrl}/${webhookPath}`;
  if (!canBeCalled(url, config.baseUrl)) {
    return { kind: 'failed', code: 'address_unusable', message: `${addressRule}. The operator sets it as APP_URL.` };
  }
  const found = await callBotApi(context, { method: 'getWebhookInfo' });
  if (found.kind !== 'ok') return toFailed(found);
  const { url: present } = readWebhookInfo(found.result);
  if (present !== '' && present !== url && !replace) return { kind: 'taken', by: toHost(present) };
  const set = await callBotApi(context, {
    method: 'setWebhook',
    body: { url, secret_token: deriveWebhookSecret(config.token, id), allowed_updates: allowedUpdates, max_connections: 40 },
  });
  return set.kind === 'ok' ? { kind: 'registered' } : toFailed(set);
}

/** Removes the webhook, if it is still ours. Updates that wait are kept for the bot's next program. */
export async function unregisterWebhooks(context: TelegramContext): Promise<void> {
  const found = await callBotApi(context, { method: 'getWebhookInfo' });
  const isOurs = found.kind === 'ok' && readWebhookInfo(found.result).url === `${context.connection.webhookUrl}/${webhookPath}`;
  if (!isOurs) return;
  const removed = await callBotApi(context, { method: 'deleteWebhook', body: { drop_pending_updates: false } });
  if (removed.kind !== 'ok') context.log.warn('telegram webhook not removed');
}

/** Returns the host alone: the path of another program's webhook is often its secret. */
function toHost(address: string): string {
  return URL.canParse(address) ? new URL(address).host : 'another program';
}

function toFailed(result: Exclude<BotResult, { kind: 'ok' }>): RegisterResult {
  const { code, message } = toFailure(result);
  return { kind: 'failed', code, message };
}
