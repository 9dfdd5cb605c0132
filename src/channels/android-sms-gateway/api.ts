import { createDeadline } from '../../core/clock.ts';
import { parseWithAllDigits, toList, toObject, toText } from '../../core/foreign.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { toRequestFailure } from '../../runtime/outbound-http.ts';
import type { ChannelContext } from '../channel.ts';
import type { AndroidConfig } from './config.ts';

export type AndroidContext = ChannelContext<AndroidConfig>;

/** Context of a request: what every call to the gateway needs. */
export type ApiContext = Pick<AndroidContext, 'http' | 'clock' | 'signal' | 'connection'>;

export interface ApiRequest {
  /** Path below the base URL. */
  readonly path: string;
  readonly method?: 'GET' | 'POST' | 'DELETE';
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

export interface ApiError {
  readonly status: number;
  /** The gateway's own words; undefined where the response is not its. */
  readonly message: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Response of the gateway: a record or a list, an error, or none. `text` is for the log of attempts, without secrets. */
export type ApiResponse =
  | {
      readonly kind: 'ok';
      readonly body: Record<string, unknown>;
      /** Undefined where the response is no list. */
      readonly rows: readonly Record<string, unknown>[] | undefined;
      readonly text: string;
    }
  | { readonly kind: 'error'; readonly error: ApiError; readonly text: string }
  | { readonly kind: 'failed'; readonly sent: 'no' | 'maybe'; readonly message: string };

const timeoutMs = 20_000;

/** Calls the gateway once. Each response and each failure of the network is a result. */
export async function requestGateway(context: ApiContext, request: ApiRequest): Promise<ApiResponse> {
  const { config, previousConfig } = context.connection;
  const { path, method = 'GET', query = {}, body } = request;
  const url = new URL(config.baseUrl + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  const redact = createRedactor([config, ...(previousConfig ? [previousConfig] : [])]);
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  try {
    const response = await context.http.request({
      method,
      url: url.href,
      ...(body ? { data: JSON.stringify(body) } : {}),
      headers: {
        accept: 'application/json',
        authorization: toAuthorization(config),
        ...(body ? { 'content-type': 'application/json' } : {}),
      },
      timeout: timeoutMs,
      signal: deadline.signal,
    });
    const text = redact(typeof response.data === 'string' ? response.data : '');
    const json = parseBody(text);
    const shown = truncate(`HTTP ${response.status} ${text}`.trim());
    if (response.status >= 200 && response.status < 300) {
      return { kind: 'ok', body: toObject(json), rows: Array.isArray(json) ? json.map(toObject) : undefined, text: shown };
    }
    const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], context.clock.now());
    return { kind: 'error', error: { status: response.status, message: readMessage(json), retryAfterMs }, text: shown };
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'failed', sent: failure.sent, message: `The SMS gateway could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
}

/** Builds the value of the `Authorization` header. */
export function toAuthorization({ username, password }: Pick<AndroidConfig, 'username' | 'password'>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function parseBody(text: string): unknown {
  try {
    return parseWithAllDigits(text);
  } catch {
    // A page of a proxy belongs to its status, and is no error of ours.
    return undefined;
  }
}

/** Reads the words of an error. */
export function readMessage(json: unknown): string | undefined {
  const [first] = toList(json).map(toObject);
  const message = toText(first?.message);
  return message === undefined ? undefined : truncate(message);
}

/** Creates a function that removes the secrets of configs from a text: a gateway may echo a request. */
function createRedactor(configs: readonly AndroidConfig[]): (text: string) => string {
  const secrets = configs.flatMap((config) => [
    ...[config.password, config.signingKey, toAuthorization(config).slice('Basic '.length)],
  ]);
  // JSON may write a secret with escapes, and an address with percent signs.
  const forms = secrets.flatMap((secret) => [
    ...new Set([secret, JSON.stringify(secret).slice(1, -1), secret.replaceAll('/', '\\/'), encodeURIComponent(secret)]),
  ]);
  return (text) => forms.reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}
