import { createDeadline } from '../../core/clock.ts';
import { toId, toList, toObject, toText } from '../../core/foreign.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';
import { type TwilioConfig, toMessagingUrl } from './config.ts';
import type { ApiError } from './errors.ts';

export type TwilioContext = ChannelContext<TwilioConfig>;

/** Context of a request: what every call to Twilio needs. */
export type ApiContext = Pick<TwilioContext, 'http' | 'clock' | 'signal' | 'connection'>;

export interface ApiRequest {
  /** Path below the host, or, in a list, the next page's. */
  readonly path: string;
  /** Host of Messaging Services and WhatsApp senders rather than the one of messages and numbers. */
  readonly isMessaging?: boolean;
  /** Fields of a form; a POST. The same name may be there several times. */
  readonly form?: readonly (readonly [string, string])[];
  readonly query?: Readonly<Record<string, string>>;
  readonly credentials?: Credentials;
}

interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Response of Twilio: a body, an error, or none. `text` is for the log of attempts, without secrets. */
export type ApiResponse =
  | { readonly kind: 'ok'; readonly body: Record<string, unknown>; readonly text: string }
  | { readonly kind: 'error'; readonly error: ApiError; readonly text: string }
  | { readonly kind: 'failed'; readonly sent: 'no' | 'maybe'; readonly message: string };

/** Twilio needs up to 26 seconds under load. */
const timeoutMs = 40_000;

/** Returns the path of a resource of the account. */
export function toAccountPath({ accountSid }: TwilioConfig, resource: string): string {
  return `/2010-04-01/Accounts/${accountSid}${resource}`;
}

/** Returns the credentials for calls: the API key where there is one, else the account's own. */
export function getCredentials({ accountSid, authToken, apiKeySid, apiKeySecret }: TwilioConfig): Credentials {
  return apiKeySid !== undefined && apiKeySecret !== undefined
    ? { username: apiKeySid, password: apiKeySecret }
    : { username: accountSid, password: authToken };
}

/** Builds the value of the `Authorization` header. */
export function toAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** Calls Twilio once. Each response and each failure of the network is a result. */
export async function requestTwilio(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { config, previousConfig } = context.connection;
  const { path, isMessaging = false, form, query = {}, credentials = getCredentials(config) } = request;
  const url = new URL((isMessaging ? toMessagingUrl(config.baseUrl) : config.baseUrl) + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const redact = createRedactor([config, ...(previousConfig ? [previousConfig] : [])]);
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  try {
    const response = await context.http.request({
      method: form ? 'POST' : 'GET',
      url: url.href,
      ...(form ? { data: new URLSearchParams(form.map(([name, value]): [string, string] => [name, value])).toString() } : {}),
      headers: {
        accept: 'application/json',
        authorization: toAuthorization(credentials),
        ...(form ? { 'content-type': 'application/x-www-form-urlencoded' } : {}),
      },
      timeout: timeoutMs,
      signal: deadline.signal,
    });
    response.data = redact(typeof response.data === 'string' ? response.data : '');
    const text = truncate(`HTTP ${response.status} ${response.data}`.trim());
    const body = toJsonObject(response);
    if (response.status >= 200 && response.status < 300) return { kind: 'ok', body, text };
    const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], context.clock.now());
    return { kind: 'error', error: { status: response.status, ...readApiError(body), retryAfterMs }, text };
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'failed', sent: failure.sent, message: `Twilio could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
}

/** Reads the body of an error: that of the 2010 API, or of RFC 9457, which newer hosts send. */
export function readApiError(body: Record<string, unknown>): Pick<ApiError, 'code' | 'message'> {
  const code = toId(body.code);
  const message = toText(body.message) ?? toText(body.detail) ?? toText(body.title);
  return {
    // A code of 0 means that there is none.
    code: code === undefined || code === '0' ? undefined : truncate(code, 200),
    message: message === undefined ? undefined : truncate(message),
  };
}

const maxPages = 20;

/**
 * Requests the pages of a list, one by one, up to 20. The next page is requested at the host of the first alone, as the
 * request carries the credentials.
 *
 * @param name of the field with the rows
 */
export async function* listRows(
  context: ApiContext,
  request: ApiRequest,
  name: string,
): AsyncGenerator<{ rows: readonly Record<string, unknown>[] } | { problem: Exclude<ApiResponse, { kind: 'ok' }> }> {
  let next: ApiRequest | null = request;
  for (let page = 0; next !== null && page < maxPages; page += 1) {
    const response: ApiResponse = await requestTwilio(context, next);
    if (response.kind !== 'ok') return yield { problem: response };
    yield { rows: toList(response.body[name]).map(toObject) };
    const path = readNextPath(response.body, context.connection.config.baseUrl);
    next = path === null ? null : { ...request, query: {}, path };
  }
}

/** Reads path and query of the next page: relative in the 2010 API, absolute in the newer ones. */
export function readNextPath(body: Record<string, unknown>, baseUrl: string): string | null {
  const next = toText(body.next_page_uri) ?? toText(toObject(body.meta).next_page_url);
  if (next === undefined || !URL.canParse(next, baseUrl)) return null;
  const { pathname, search } = new URL(next, baseUrl);
  // A base URL may have a path of its own, which absolute addresses repeat.
  const prefix = new URL(baseUrl).pathname.replace(/\/$/, '');
  return (pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname) + search;
}

/** Creates a function that removes the secrets of configs from a text: a vendor may echo a request. */
function createRedactor(configs: readonly TwilioConfig[]): (text: string) => string {
  const secrets = configs.flatMap(({ accountSid, authToken, apiKeySid, apiKeySecret }) => {
    const pairs = [{ username: accountSid, password: authToken }];
    if (apiKeySid && apiKeySecret) pairs.push({ username: apiKeySid, password: apiKeySecret });
    return pairs.flatMap((pair) => [pair.password, toAuthorization(pair).slice('Basic '.length)]);
  });
  // JSON may write a secret with escapes, and an address with percent signs.
  const forms = secrets.flatMap((secret) => [
    ...new Set([secret, JSON.stringify(secret).slice(1, -1), secret.replaceAll('/', '\\/'), encodeURIComponent(secret)]),
  ]);
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}
