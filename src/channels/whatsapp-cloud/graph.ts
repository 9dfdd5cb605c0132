import type { AxiosResponse } from 'axios';
import { createDeadline } from '../../core/clock.ts';
import { truncate } from '../../core/sanitize.ts';
import { toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { WhatsAppConfig, WhatsAppContext } from './config.ts';
import { type GraphError, parseGraphError } from './graph-error.ts';

export interface GraphRequest {
  readonly method: 'GET' | 'POST';
  /** After the version, without a slash at its start. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: object | FormData;
  readonly timeoutMs?: number;
}

/** Result of one request to the Graph API. `log` is the response without secrets. */
export type GraphResult =
  | { readonly kind: 'ok'; readonly body: Readonly<Record<string, unknown>>; readonly log: string }
  /** `error` is null where the body is not Meta's, such as a page of a proxy. */
  | { readonly kind: 'error'; readonly status: number; readonly error: GraphError | null; readonly log: string }
  | { readonly kind: 'no_response'; readonly sent: 'no' | 'maybe'; readonly message: string };

const defaultTimeoutMs = 20_000;

/** Calls the Graph API with the connection's token. The vendor's response is a value, whatever its status. */
export async function callGraph(
  context: Pick<WhatsAppContext, 'http' | 'clock' | 'signal' | 'connection'>,
  request: GraphRequest,
): Promise<GraphResult> {
  const { config } = context.connection;
  const { method, path, query, body, timeoutMs = defaultTimeoutMs } = request;
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  let response: AxiosResponse<unknown>;
  try {
    response = await context.http.request({
      method,
      url: toGraphUrl(config, path, query),
      headers: {
        authorization: `Bearer ${config.accessToken}`,
        ...(body && !(body instanceof FormData) ? { 'content-type': 'application/json' } : {}),
      },
      ...(body ? { data: body instanceof FormData ? body : JSON.stringify(body) } : {}),
      timeout: timeoutMs,
      signal: deadline.signal,
    });
  } catch (error) {
    const failure = toRequestFailure(error);
    const message = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'no_response', sent: failure.sent, message: `WhatsApp could not be reached: ${message}.` };
  } finally {
    deadline.dispose();
  }
  return toGraphResult(config, response);
}

function toGraphUrl(config: WhatsAppConfig, path: string, query: Readonly<Record<string, string>> | undefined): string {
  const url = new URL(`${config.baseUrl}/${config.apiVersion}/${path}`);
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value);
  return url.href;
}

/** Converts a response. Secrets are removed from the texts for people, as Meta echoes parts of requests. */
export function toGraphResult(config: WhatsAppConfig, response: AxiosResponse<unknown>): GraphResult {
  const { status } = response;
  const text = typeof response.data === 'string' ? response.data : '';
  const log = truncate(redact(config, `HTTP ${status} ${text}`.trim()));
  const body = toJsonObject(response);
  const error = parseGraphError(body.error, (words) => redact(config, words));
  return status >= 200 && status < 300 && !error ? { kind: 'ok', body, log } : { kind: 'error', status, error, log };
}

/** Replaces the connection's secrets in a text. */
function redact(config: WhatsAppConfig, text: string): string {
  return [config.accessToken, config.appSecret, config.verifyToken]
    .filter((secret) => secret !== undefined)
    .reduce((redacted, secret) => redacted.replaceAll(secret, '[redacted]'), text);
}
