import { createDeadline } from '../../core/clock.ts';
import { parseWithAllDigits, toObject } from '../../core/foreign.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { type HttpResponse, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';

export type ServerContext = Pick<ChannelContext<object>, 'http' | 'clock' | 'signal'>;

/** A server and the credentials for it. */
export interface ServerAccess {
  /** For people. */
  readonly name: string;
  readonly baseUrl: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Removed from texts for people. */
  readonly secrets: readonly (string | undefined)[];
}

export interface ServerRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  /** With a slash at its start. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object;
  readonly timeoutMs?: number;
  readonly maxResponseBytes?: number;
}

/** Result of a request. `log` is the response without secrets. */
export type ServerResult =
  | { readonly kind: 'ok'; readonly body: unknown; readonly isPartial: boolean; readonly log: string }
  | ServerError
  | { readonly kind: 'no_response'; readonly sent: 'no' | 'maybe'; readonly message: string };

export interface ServerError {
  readonly kind: 'error';
  readonly status: number;
  /** Empty where the response is not JSON, such as a page of a proxy. */
  readonly body: Readonly<Record<string, unknown>>;
  /** The body, cut, without secrets. */
  readonly text: string;
  readonly retryAfterMs: number | undefined;
  readonly log: string;
}

export type ServerFailure = Exclude<ServerResult, { kind: 'ok' }>;

const defaultTimeoutMs = 30_000;
const maxTextChars = 2_000;

/** Removes the slashes at the end of an address. A regular expression was rejected: it takes quadratic time. */
export function trimSlashes(url: string): string {
  let end = url.length;
  while (url[end - 1] === '/') end -= 1;
  return url.slice(0, end);
}

/** Calls a server. Its response is a value, whatever its status. */
export async function callServer(
  context: ServerContext,
  access: ServerAccess,
  { method, path, query, body, timeoutMs = defaultTimeoutMs, maxResponseBytes }: ServerRequest,
): Promise<ServerResult> {
  const url = new URL(`${trimSlashes(access.baseUrl)}${path}`);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  try {
    const response: HttpResponse = await context.http.request({
      method,
      url: url.href,
      headers: { ...access.headers, accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { data: JSON.stringify(body) } : {}),
      ...(maxResponseBytes === undefined ? {} : { maxContentLength: maxResponseBytes }),
      timeout: timeoutMs,
      signal: deadline.signal,
    });
    return toServerResult(access, response, context.clock.now());
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'no_response', sent: failure.sent, message: `${access.name} could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
}

/** Converts a response. Secrets are removed from the texts for people. @param nowMs to read a `Retry-After` that is a date */
export function toServerResult(access: ServerAccess, response: HttpResponse, nowMs: number): ServerResult {
  const { status } = response;
  const text = typeof response.data === 'string' ? response.data : '';
  const words = redact(access, text.slice(0, maxTextChars));
  const log = truncate(`HTTP ${status} ${words}`.trim());
  const body = parseBody(text);
  if (status >= 200 && status < 300) return { kind: 'ok', body, isPartial: response.isPartial === true, log };
  const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], nowMs);
  return { kind: 'error', status, body: toObject(body), text: words, retryAfterMs, log };
}

function parseBody(text: string): unknown {
  try {
    return text === '' ? undefined : parseWithAllDigits(text);
  } catch {
    // A page of a proxy belongs to its status, and is no error of ours.
    return undefined;
  }
}

/** Replaces secrets in a text, and the tokens of others that a server may return. */
function redact({ secrets }: ServerAccess, text: string): string {
  const known = secrets.filter((secret) => secret !== undefined && secret !== '');
  return known
    .reduce((redacted: string, secret) => redacted.replaceAll(secret as string, '[redacted]'), text)
    .replace(/"(apikey|token|key)"\s*:\s*"[^"]*"/gi, '"$1":"[redacted]"');
}
