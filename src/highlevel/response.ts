import { AppError } from '../core/errors.ts';
import { parseWithAllDigits, toList, toText } from '../core/foreign.ts';
import { truncate } from '../core/sanitize.ts';
import { type HttpResponse, toJsonObject, toRequestFailure } from '../runtime/outbound-http.ts';

/** HighLevel's response, before it is classified. */
export interface HighLevelResponse {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** The body as it came, trimmed. */
  readonly text: string;
  /** HighLevel's id of this request; its support asks for it. */
  readonly traceId: string | null;
  readonly limits: LimitHeaders;
  /** True where the body was longer than what was read: then its status counts, and a missing field proves no absence. */
  readonly isPartial?: boolean;
}

/** Limits in the headers of a response (platform.md 5.9). */
export interface LimitHeaders {
  /** Requests left in the interval of `intervalMs`. */
  readonly remaining: number | null;
  readonly intervalMs: number | null;
  readonly dailyRemaining: number | null;
  readonly retryAfterMs: number | null;
}

/**
 * Awaits HighLevel's response and reads it as text.
 *
 * @throws AppError `highlevel_unreachable`: no response of HighLevel's came; whether the request was carried out is unknown
 */
export async function awaitResponse(request: Promise<HttpResponse>): Promise<HighLevelResponse> {
  let response: HttpResponse;
  try {
    response = await request;
  } catch (error) {
    const { sent, message } = toRequestFailure(error);
    throw Object.assign(new AppError('highlevel_unreachable', `The CRM did not respond: ${message}.`), {
      wasNotSent: sent === 'no',
    });
  }
  const body = toJsonObject(response);
  const text = typeof response.data === 'string' ? response.data : '';
  // A page of a firewall or a proxy in between is not HighLevel's response, even with a status of 200.
  const isFromHighLevel = Object.keys(body).length > 0 || (response.isPartial ? jsonStart.test(text) : isJson(text));
  if (!isFromHighLevel && !proxyStatuses.has(response.status)) {
    throw new AppError(
      'highlevel_unreachable',
      `The CRM’s address responded with ${response.status} and a page that is not the CRM’s: a firewall or proxy may be in between.`,
    );
  }
  return {
    status: response.status,
    body,
    text: isFromHighLevel ? truncate(text) : '',
    isPartial: response.isPartial ?? false,
    traceId: toText(body.traceId) ?? null,
    limits: {
      remaining: parseNumber(response.headers['x-ratelimit-remaining']),
      intervalMs: toDelayMs(parseNumber(response.headers['x-ratelimit-interval-milliseconds'])),
      dailyRemaining: parseNumber(response.headers['x-ratelimit-daily-remaining']),
      retryAfterMs: toDelayMs(parseNumber(response.headers['retry-after']), 1_000),
    },
  };
}

const jsonStart = /^\s*(?:[[{]|$)/;

/** Statuses that a gateway in front of HighLevel sends itself, about the request: its rate limit, and the size of a file. */
const proxyStatuses = new Set([413, 429]);

/** Returns whether a body is a JSON document; an empty one counts, as its status decides. */
function isJson(text: string): boolean {
  if (text.trim() === '') return true;
  try {
    parseWithAllDigits(text);
    return true;
  } catch {
    return false;
  }
}

/** Extracts HighLevel's own message from an error response; a list of them where it rejects a body's shape. */
export function extractMessage(response: HighLevelResponse): string {
  const { message, error_description: description, error } = response.body;
  const texts = [message, description, error].map((value) => toList(value).flatMap((part) => toText(part) ?? []));
  return truncate(texts.find((parts) => parts.length > 0)?.join('; ') ?? response.text, 300);
}

function parseNumber(header: unknown): number | null {
  const value = typeof header === 'string' && header !== '' ? Number(header) : Number.NaN;
  return Number.isFinite(value) ? value : null;
}

const maxDelayMs = 60 * 60 * 1000;

/** Converts a delay to milliseconds, an hour at most: a time where a duration was meant must not stop a location for days. */
function toDelayMs(value: number | null, unitMs = 1): number | null {
  return value === null || value < 0 ? null : Math.min(value * unitMs, maxDelayMs);
}
