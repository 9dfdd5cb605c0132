import { createDeadline } from '../../core/clock.ts';
import { toId, toList, toObject, toText } from '../../core/foreign.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';
import type { TelnyxConfig } from './config.ts';
import type { ApiError } from './errors.ts';

export type TelnyxContext = ChannelContext<TelnyxConfig>;

/** Context of a request: what every call to Telnyx needs. */
export type ApiContext = Pick<TelnyxContext, 'http' | 'clock' | 'signal' | 'connection'>;

export interface ApiRequest {
  /** Path below `/v2`. */
  readonly path: string;
  readonly method?: 'GET' | 'POST' | 'PATCH';
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

/** Response of Telnyx: a body and the one record in it, an error, or none. `text` is for the log of attempts, without secrets. */
export type ApiResponse =
  | {
      readonly kind: 'ok';
      readonly body: Record<string, unknown>;
      readonly data: Record<string, unknown>;
      readonly text: string;
    }
  | { readonly kind: 'error'; readonly error: ApiError; readonly text: string }
  | { readonly kind: 'failed'; readonly sent: 'no' | 'maybe'; readonly message: string };

const timeoutMs = 30_000;

/** Calls Telnyx once. Each response and each failure of the network is a result. */
export async function requestTelnyx(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { config, previousConfig } = context.connection;
  const { path, method = 'GET', query = {}, body } = request;
  const url = new URL(`${config.baseUrl}/v2${path}`);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const redact = createRedactor([config.apiKey, ...(previousConfig ? [previousConfig.apiKey] : [])]);
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  try {
    const response = await context.http.request({
      method,
      url: url.href,
      ...(body ? { data: JSON.stringify(body) } : {}),
      headers: {
        accept: 'application/json',
        authorization: `Bearer ${config.apiKey}`,
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      timeout: timeoutMs,
      signal: deadline.signal,
    });
    response.data = redact(typeof response.data === 'string' ? response.data : '');
    const text = truncate(`HTTP ${response.status} ${response.data}`.trim());
    const json = toJsonObject(response);
    if (response.status >= 200 && response.status < 300) return { kind: 'ok', body: json, data: toObject(json.data), text };
    const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], context.clock.now());
    const first = readApiErrors(json.errors)[0] ?? { code: undefined, message: undefined };
    return { kind: 'error', error: { status: response.status, ...first, retryAfterMs }, text };
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'failed', sent: failure.sent, message: `Telnyx could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
}

/** Reads a list of errors, as a response and as a webhook hold it. Codes are texts of digits. */
export function readApiErrors(value: unknown): Pick<ApiError, 'code' | 'message'>[] {
  return toList(value)
    .map(toObject)
    .flatMap((error) => {
      const code = toId(error.code);
      const words = [toText(error.title), toText(error.detail)].filter((part) => part !== undefined);
      const message = [...new Set(words)].join(': ') || undefined;
      if (code === undefined && message === undefined) return [];
      return [{ code: code && truncate(code, 200), message: message && truncate(message) }];
    });
}

const maxPages = 20;

/** Requests the pages of a list, one by one, up to 20. @param pageSize as the list allows it */
export async function* listRows(
  context: ApiContext,
  { path, query = {} }: ApiRequest,
  pageSize: number,
): AsyncGenerator<{ rows: readonly Record<string, unknown>[] } | { problem: Exclude<ApiResponse, { kind: 'ok' }> }> {
  for (let page = 1; page <= maxPages; page += 1) {
    const paged = { ...query, 'page[number]': String(page), 'page[size]': String(pageSize) };
    const response = await requestTelnyx(context, { path, query: paged });
    if (response.kind !== 'ok') return yield { problem: response };
    const rows = toList(response.body.data).map(toObject);
    yield { rows };
    const pageCount = Number(toText(toObject(response.body.meta).total_pages) ?? 1);
    if (rows.length === 0 || !(page < pageCount)) return;
  }
}

/** Creates a function that removes secrets from a text: a vendor may echo a request. */
function createRedactor(secrets: readonly string[]): (text: string) => string {
  // JSON may write a secret with escapes, and an address with percent signs.
  const forms = secrets.flatMap((secret) => [
    ...new Set([secret, JSON.stringify(secret).slice(1, -1), secret.replaceAll('/', '\\/'), encodeURIComponent(secret)]),
  ]);
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}
