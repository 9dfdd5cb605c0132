import { truncate } from '../../core/sanitize.ts';
import type { SendOutcome } from '../channel.ts';
import type { BotResult } from './bot-api.ts';
import type { BotError } from './responses.ts';

/** Failure of a send, before it is known which parts were sent. */
export type Failure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

/**
 * Treatment of an error.
 *
 * - `final`: for this message.
 * - `opted_out`: final, and the contact wants no messages.
 * - `file`: about the file, which is then sent in another way.
 * - `migrated`: the chat has another id.
 * - `account`: about the bot or its token, so that every message would fail.
 * - `limit`: too many messages of the bot.
 * - `later`: not sent; a later attempt may succeed.
 * - `unknown`: the message may have been sent.
 */
export type ErrorKind = 'final' | 'opted_out' | 'file' | 'migrated' | 'account' | 'limit' | 'later' | 'unknown';

interface ErrorRule {
  readonly status?: number;
  /** Part of Telegram's text, in lower case: the server adds words around it. */
  readonly part?: string;
  readonly kind: ErrorKind;
  readonly code: string;
  readonly advice: string;
}

const needsStart = 'Only the contact can start a chat with a bot: send the contact a link.';

/** Rules for errors, the first that fits. Texts are those of the server, which has one number for many reasons. */
const errorRules: readonly ErrorRule[] = [
  { status: 401, kind: 'account', code: 'unauthorized', advice: 'The bot’s token was revoked or is wrong.' },
  { status: 404, kind: 'account', code: 'token_unknown', advice: 'Telegram knows no bot with this token.' },
  { part: 'frozen_method_invalid', kind: 'account', code: 'frozen', advice: 'Telegram has frozen the bot or its owner.' },
  { part: 'user is deactivated', kind: 'final', code: 'deactivated', advice: 'The contact has deleted the Telegram account.' },
  { part: 'blocked by the user', kind: 'opted_out', code: 'blocked', advice: 'The contact has blocked the bot.' },
  { part: "can't initiate conversation", kind: 'final', code: 'not_started', advice: needsStart },
  { part: "can't send messages to bots", kind: 'final', code: 'is_bot', advice: 'The recipient is a bot.' },
  { part: "can't send messages to the bot", kind: 'final', code: 'is_bot', advice: 'The recipient is a bot.' },
  { part: 'bot was kicked', kind: 'final', code: 'chat_gone', advice: 'The bot is no longer in this chat.' },
  { part: 'bot is not a member', kind: 'final', code: 'chat_gone', advice: 'The bot is no longer in this chat.' },
  { part: 'upgraded to a supergroup', kind: 'migrated', code: 'chat_migrated', advice: 'The chat has another id now.' },
  { part: 'chat not found', kind: 'final', code: 'chat_not_found', advice: needsStart },
  { part: 'user not found', kind: 'final', code: 'chat_not_found', advice: needsStart },
  { part: 'peer_id_invalid', kind: 'final', code: 'chat_not_found', advice: needsStart },
  { part: 'photo_invalid_dimensions', kind: 'file', code: 'file_refused', advice: 'Telegram does not take this picture.' },
  { part: 'image_process_failed', kind: 'file', code: 'file_refused', advice: 'Telegram does not take this picture.' },
  { part: 'photo_save_file_invalid', kind: 'file', code: 'file_refused', advice: 'Telegram does not take this picture.' },
  { part: 'file is too big', kind: 'file', code: 'file_too_big', advice: 'The file is too large for Telegram.' },
  { part: 'voice_messages_forbidden', kind: 'file', code: 'voice_forbidden', advice: 'The contact takes no voice messages.' },
  { status: 413, kind: 'file', code: 'file_too_big', advice: 'The file is too large for Telegram.' },
  { part: 'wrong file', kind: 'file', code: 'file_refused', advice: 'Telegram does not take this file.' },
  { part: 'wrong type of', kind: 'file', code: 'file_refused', advice: 'Telegram does not take this file.' },
  { part: 'file must be non-empty', kind: 'file', code: 'file_refused', advice: 'The file is empty.' },
  { part: 'not enough rights', kind: 'final', code: 'no_rights', advice: 'The bot may not write in this chat.' },
  { part: 'chat_write_forbidden', kind: 'final', code: 'no_rights', advice: 'The bot may not write in this chat.' },
  { status: 403, kind: 'final', code: 'forbidden', advice: 'Telegram refuses this message.' },
  { status: 409, kind: 'later', code: 'conflict', advice: 'Another program uses the bot at the same moment.' },
  { status: 421, kind: 'later', code: 'misdirected', advice: 'Telegram moves the bot to another server.' },
  { status: 429, kind: 'limit', code: 'too_many_requests', advice: 'Telegram names the time to wait.' },
  { status: 400, kind: 'final', code: 'bad_request', advice: '' },
];

/** Finds the treatment of an error. */
export function classifyError({ code, text }: Pick<BotError, 'code' | 'text'>): Omit<ErrorRule, 'status' | 'part'> {
  const words = text.toLowerCase();
  const isServerError = code >= 500 || code < 400;
  const rule = isServerError
    ? undefined
    : errorRules.find(({ status, part }) => (status === undefined || status === code) && (!part || words.includes(part)));
  if (rule) return rule;
  return isServerError
    ? { kind: 'unknown', code: `http_${code}`, advice: 'Telegram’s servers failed.' }
    : { kind: 'final', code: `http_${code}`, advice: '' };
}

/** Describes an error: Telegram's words, then what they mean. */
export function describeError(error: Pick<BotError, 'code' | 'text'>): string {
  return truncate(`${error.text} (${error.code}). ${classifyError(error).advice}`.trim());
}

/** Converts a failed call to an outcome. */
export function toFailure(result: Exclude<BotResult, { kind: 'ok' }>): Failure {
  if (result.kind === 'no_response') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  return { ...toOutcome(result), response: result.log };
}

function toOutcome({ status, error }: Extract<BotResult, { kind: 'error' }>): Failure {
  if (!error) return toOutcomeWithoutError(status);
  const { kind, code } = classifyError(error);
  const message = describeError(error);
  switch (kind) {
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'limit': {
      const { retryAfterMs } = error;
      // Telegram limits the bot, so other chats would be refused as well.
      return { kind: 'unavailable', code, message, isConnectionWide: true, ...(retryAfterMs ? { retryAfterMs } : {}) };
    }
    case 'later':
      return { kind: 'unavailable', code, message };
    case 'unknown':
      return { kind: 'unknown', code, message };
    case 'opted_out':
      return { kind: 'rejected', code, message, isAuthoritative: true, optedOut: 'all' };
    default:
      return { kind: 'rejected', code, message, isAuthoritative: true };
  }
}

/** Telegram gives a reason with each refusal, so a 4xx without one is from a proxy on the way, and no refusal. */
function toOutcomeWithoutError(status: number): Failure {
  const code = `http_${status}`;
  if (status >= 500 || status < 300) {
    return { kind: 'unknown', code, message: `Telegram responded with ${status} and without a reason.` };
  }
  const message = `A server before Telegram responded with ${status}. Check the Bot API address.`;
  return { kind: 'unavailable', code, message };
}

/** Creates a rejection by this program: no request was made. */
export function createRejection(code: string, message: string): Failure & { kind: 'rejected' } {
  return { kind: 'rejected', code, message };
}
