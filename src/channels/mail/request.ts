import { createDeadline } from '../../core/clock.ts';
import { parseRetryAfterMs } from '../../core/retry-after.ts';
import { truncate } from '../../core/sanitize.ts';
import { type HttpResponse, toJsonObject, toRequestFailure } from '../../runtime/outbound-http.ts';
import type { ChannelContext, SendOutcome } from '../channel.ts';

/** Context of a request to a vendor. */
export type RequestContext = Pick<ChannelContext<object>, 'http' | 'clock' | 'signal'>;

export interface VendorRequest {
  /** Name of the vendor, for texts. */
  readonly vendor: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly data?: string | FormData;
  /** Removed from the response: vendors echo their input. */
  readonly secrets: readonly string[];
  readonly timeoutMs: number;
}

/** Response of a vendor: a body, an error, or none. `text` is for the log of attempts, without secrets. */
export type VendorResponse =
  | { readonly kind: 'ok'; readonly status: number; readonly body: Record<string, unknown>; readonly text: string }
  | VendorError
  | { readonly kind: 'failed'; readonly sent: 'no' | 'maybe'; readonly message: string };

export interface VendorError {
  readonly kind: 'error';
  readonly status: number;
  readonly body: Record<string, unknown>;
  readonly retryAfterMs: number | undefined;
  readonly text: string;
}

/** Calls a vendor once. Each response and each failure of the network is a result. */
export async function requestVendor(context: RequestContext, request: VendorRequest): Promise<VendorResponse> {
  const { vendor, method, url, headers, data, secrets, timeoutMs } = request;
  // The client's own time-out is one of silence: a response that comes byte by byte would never be late.
  const deadline = createDeadline(context.clock, timeoutMs, context.signal);
  try {
    const response: HttpResponse = await context.http.request({
      ...{ method, url, headers: { accept: 'application/json', ...headers } },
      ...{ timeout: timeoutMs, signal: deadline.signal },
      ...(data === undefined ? {} : { data }),
    });
    const { status } = response;
    const whole = typeof response.data === 'string' ? response.data : '';
    const redacted = redact(whole, secrets);
    const text = truncate(`HTTP ${status} ${redacted}`.trim());
    // A success is read field by field; the words of an error are shown.
    if (status >= 200 && status < 300) return { kind: 'ok', status, body: toJsonObject(response), text };
    const body = toJsonObject({ ...response, data: redacted });
    const retryAfterMs = parseRetryAfterMs(response.headers['retry-after'], context.clock.now());
    return { kind: 'error', status, body, retryAfterMs, text };
  } catch (error) {
    const failure = toRequestFailure(error);
    const reason = deadline.timedOut() ? 'no response in time' : failure.message;
    return { kind: 'failed', sent: failure.sent, message: `${vendor} could not be reached: ${reason}.` };
  } finally {
    deadline.dispose();
  }
}

/** Removes secrets from a text, also in the forms that JSON and addresses give them. */
function redact(text: string, secrets: readonly string[]): string {
  const forms = secrets
    .filter((secret) => secret !== '')
    .flatMap((secret) => [
      secret,
      JSON.stringify(secret).slice(1, -1),
      secret.replaceAll('/', '\\/'),
      encodeURIComponent(secret),
    ]);
  return [...new Set(forms)].reduce((rest, form) => rest.replaceAll(form, '[redacted]'), text);
}

/** Converts a send without a response to its outcome. */
export function toNoResponseOutcome({ sent, message }: { sent: 'no' | 'maybe'; message: string }): SendOutcome {
  return sent === 'no'
    ? { kind: 'unavailable', code: 'unreachable', message }
    : { kind: 'unknown', code: 'no_response', message };
}
