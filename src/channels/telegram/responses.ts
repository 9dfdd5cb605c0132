import { toId, toNumber, toObject, toText, toTime } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';

/** Telegram's reason for a refusal. */
export interface BotError {
  /** Status by which the error is classified. */
  readonly code: number;
  readonly text: string;
  readonly retryAfterMs: number | undefined;
  /** New id of a group that became a supergroup. */
  readonly migrateToChatId: string | undefined;
}

const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/** Reads the error of a response. @returns null where the body is not Telegram's */
export function readBotError(body: Record<string, unknown>, status: number): BotError | null {
  const text = toText(body.description);
  const code = toNumber(body.error_code);
  if (text === undefined && code === undefined) return null;
  const parameters = toObject(body.parameters);
  const seconds = toNumber(parameters.retry_after);
  return {
    code: code ?? status,
    text: truncate(text ?? 'no reason'),
    // Capped, so that a mistake does not park a bot.
    retryAfterMs: seconds === undefined || seconds < 0 ? undefined : Math.min(seconds * 1000, maxRetryAfterMs),
    migrateToChatId: toId(parameters.migrate_to_chat_id),
  };
}

/** Reads a sent message: its chat, which may be another one than it was sent to, and its number there. */
export function readSentMessage(result: unknown): { chat: string | undefined; message: string | undefined } {
  const { chat, message_id } = toObject(result);
  return { chat: toId(toObject(chat).id), message: toId(message_id) };
}

/** Reads the bot of a token. */
export function readBot(result: unknown): { id: string | undefined; username: string | undefined } {
  const { id, username } = toObject(result);
  const name = toId(username);
  return { id: toId(id), username: name !== undefined && /^\w{3,64}$/.test(name) ? name : undefined };
}

/** Registration of a bot's webhook. */
export interface WebhookInfo {
  /** Empty without one. */
  readonly url: string;
  readonly pendingCount: number;
  readonly lastErrorAt: Date | undefined;
  readonly lastError: string | undefined;
}

/** Reads the registration of a bot's webhook. */
export function readWebhookInfo(result: unknown): WebhookInfo {
  const info = toObject(result);
  const lastError = toText(info.last_error_message);
  return {
    url: toId(info.url) ?? '',
    pendingCount: toNumber(info.pending_update_count) ?? 0,
    lastErrorAt: toTime(info.last_error_date),
    lastError: lastError === undefined ? undefined : truncate(lastError, 300),
  };
}

/** Reads the path of a file below the file address. @returns undefined for one that is outside of it, such as that of a local server */
export function readFilePath(result: unknown): string | undefined {
  const path = toText(toObject(result).file_path);
  return path !== undefined && path.length <= 500 && /^[\w-][\w. /-]*$/.test(path) && !path.includes('..') ? path : undefined;
}
