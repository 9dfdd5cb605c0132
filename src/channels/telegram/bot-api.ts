import type { AxiosResponse } from 'axios';
import { createDeadline } from '../../core/clock.ts';
import { flag } from '../../core/foreign.ts';
import { truncate } from '../../core/sanitize.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { TelegramConfig, TelegramContext } from './config.ts';
import { type BotError, readBotError } from './responses.ts';

/** Context of a call. */
export type ApiContext = Pick<TelegramContext, 'http' | 'clock' | 'signal' | 'connection'>;

export interface BotRequest {
  readonly method: string;
  readonly body?: Readonly<Record<string, unknown>> | FormData;
  readonly timeoutMs?: number;
}

/** Result of a call. `log` is the response without the token. */
export type BotResult =
  | { readonly kind: 'ok'; readonly result: unknown; readonly log: string }
  /** `error` is null where the body is not Telegram's, such as a page of a proxy. */
  | { readonly kind: 'error'; readonly status: number; readonly error: BotError | null; readonly log: string }
  | { readonly kind: 'no_response'; readonly sent: 'no' | 'maybe'; readonly message: string };

const defaultTimeoutMs = 20_000;

/** Calls a method of the Bot API. The response is a value, whatever its status. The token is part of the address, which is never logged. */
export async function callBotApi(context: ApiContext, request: BotRequest): Promise<BotResult> {
  const { config } = context.connection;
  const { method, body = {}, timeoutMs = defaultTimeoutMs } = request;
  const isForm = body instanceof FormData;
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  let response: AxiosResponse<unknown>;
  try {
    response = await context.http.request({
      method: 'POST',
      url: `${config.baseUrl}/bot${config.token}/${method}`,
      headers: { accept: 'application/json', ...(isForm ? {} : { 'content-type': 'application/json' }) },
      data: isForm ? body : JSON.stringify(body),
      timeout: timeoutMs,
      signal: deadline.signal,
    });
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'no_response', sent: failure.sent, message: `Telegram could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
  return toBotResult(config, response);
}

/** Converts a response. The token is removed from it, as a server may repeat the address of a request. */
export function toBotResult(config: Pick<TelegramConfig, 'token'>, response: AxiosResponse<unknown>): BotResult {
  const { status } = response;
  const text = redactToken(config.token, typeof response.data === 'string' ? response.data : '');
  const log = truncate(`HTTP ${status} ${text}`.trim());
  const body = toJsonObject({ ...response, data: text });
  if (status >= 200 && status < 300 && flag.parse(body.ok)) return { kind: 'ok', result: body.result, log };
  return { kind: 'error', status, error: readBotError(body, status), log };
}

/** Removes the secret part of a token from a text; the bot's id before it is public. */
function redactToken(token: string, text: string): string {
  return text.replaceAll(token.slice(token.indexOf(':') + 1), '[redacted]');
}
