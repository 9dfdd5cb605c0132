import { formatCount } from '../../core/format-count.ts';
import type { VerifyResult } from '../channel.ts';
import { type BotResult, callBotApi } from './bot-api.ts';
import { defaultBaseUrl, parseBotId, type TelegramContext, type TelegramState } from './config.ts';
import { classifyError, describeError } from './errors.ts';
import { readBot, readWebhookInfo } from './responses.ts';

/** Asks Telegram for the bot of the token, and whether its webhooks arrive. */
export async function verifyConfig(context: TelegramContext): Promise<VerifyResult> {
  const result = await callBotApi(context, { method: 'getMe' });
  if (result.kind !== 'ok') return toRefusal(result);
  const { id, username } = readBot(result.result);
  if (username === undefined) {
    return { kind: 'unavailable', code: 'no_bot', message: 'Telegram’s response does not name the bot.' };
  }
  const state: TelegramState = { botId: id ?? parseBotId(context.connection.config.token), username };
  await context.state.set(state);
  return {
    kind: 'verified',
    account: `@${username}`,
    warnings: [...checkAddress(context), ...(await checkDeliveries(context))],
  };
}

/** Finds the name of the bot, which its links need. @returns null when Telegram had to be asked for it and could not be */
async function findUsername(context: TelegramContext): Promise<string | null> {
  const state = await context.state.get<TelegramState>();
  if (state?.botId === parseBotId(context.connection.config.token)) return state.username;
  const result = await callBotApi(context, { method: 'getMe' });
  return (result.kind === 'ok' && readBot(result.result).username) || null;
}

/** Builds the address at which a contact starts a chat with the bot; Telegram returns the payload with the command `/start`. */
export async function buildContactLink(context: TelegramContext, payload: string): Promise<string | null> {
  const username = await findUsername(context);
  return username && `https://t.me/${username}?start=${payload}`;
}

function toRefusal(result: Exclude<BotResult, { kind: 'ok' }>): VerifyResult {
  if (result.kind === 'no_response') return { kind: 'unavailable', code: 'unreachable', message: result.message };
  const { error, status } = result;
  if (!error) {
    const message = `The Bot API address responded with ${status} and without a reason.`;
    return status >= 500 || status < 400
      ? { kind: 'unavailable', code: `http_${status}`, message }
      : { kind: 'rejected', problems: [{ field: 'baseUrl', code: `http_${status}`, message }] };
  }
  const { kind, code } = classifyError(error);
  const message = describeError(error);
  if (code === 'frozen') return { kind: 'rejected', problems: [{ code, message }] };
  if (kind === 'account') return { kind: 'rejected', problems: [{ field: 'token', code, message }] };
  return { kind: 'unavailable', code, message };
}

const callablePorts = new Set(['', '443', '80', '88', '8443']);

/** Returns whether Telegram can call an address. A server of one's own can call any. */
export function canBeCalled(webhookUrl: string, baseUrl: string): boolean {
  if (baseUrl !== defaultBaseUrl) return true;
  const { protocol, port, hostname } = new URL(webhookUrl);
  const isLocal = hostname === 'localhost' || hostname.endsWith('.local') || hostname.endsWith('.localhost');
  return protocol === 'https:' && callablePorts.has(port) && !isLocal;
}

/** Says which addresses Telegram calls. */
export const addressRule = 'Telegram calls public https addresses on the ports 443, 80, 88 and 8443 only';

function checkAddress({ connection }: TelegramContext): string[] {
  return canBeCalled(connection.webhookUrl, connection.config.baseUrl)
    ? []
    : [`${addressRule}: no messages arrive until APP_URL is one.`];
}

/** Reports why updates did not arrive, in Telegram's words: a firewall or a proxy on our side shows there alone. */
async function checkDeliveries(context: TelegramContext): Promise<string[]> {
  const result = await callBotApi(context, { method: 'getWebhookInfo' });
  if (result.kind !== 'ok') return [];
  const { url, lastError, lastErrorAt, pendingCount } = readWebhookInfo(result.result);
  const isRecent = lastErrorAt !== undefined && context.clock.now() - lastErrorAt.getTime() < 60 * 60 * 1000;
  const isOurs = url.startsWith(`${context.connection.webhookUrl}/`);
  return isOurs && isRecent && lastError
    ? [`Telegram could not deliver ${formatCount(pendingCount, 'update')}: ${lastError}`]
    : [];
}
