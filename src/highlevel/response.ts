import { AppError } from '../core/errors.ts';
import { parseWithAllDigits, toList, toText } from '../core/foreign.ts';
import { truncate } from '../core/sanitize.ts';
import { type HttpResponse, toJsonObject, toRequestFailure } from '../runtime/outbound-http.ts';

/** What HighLevel answered, before anybody judges it. */
export interface HighLevelResponse {
  readonly status: number;
  readonly body: Record<string, unknown>;
  /** The body as it came, trimmed. */
  readonly text: string;
  /** HighLevel's name for this request; its support asks for it. */
  readonly traceId: string | null;
  readonly limits: LimitHeaders;
  /** There was more of the body than could be read: its status counts, and not what it leaves out. */
  readonly isPartial?: boolean;
}

/** What the answer says of the limits (platform.md 5.9). */
export interface LimitHeaders {
  /** Requests left in the interval of `intervalMs`. */
  readonly remaining: number | null;
  readonly intervalMs: number | null;
  readonly dailyRemaining: number | null;
  readonly retryAfterMs: number | null;
}

/**
 * Waits for HighLevel and keeps what it says.
 *
 * @throws AppError `highlevel_unreachable`: no response of HighLevel's came; whether the request was carried out is not known
 */
export async function awaitResponse(request: Promise<HttpResponse>): Promise<HighLevelResponse> {
  let response: HttpResponse;
  try {
    response = await request;
  } catch (error) {
    throw new AppError('highlevel_unreachable', `The CRM did not answer: ${toRequestFailure(error).message}.`);
  }
  const body = toJsonObject(response);
  const text = typeof response.data === 'string' ? response.data : '';
  // A page of a firewall or a proxy in between is no word of HighLevel's, whatever its status says.
  const isFromHighLevel = response.isPartial ? jsonStart.test(text) : isJson(text);
  if (!isFromHighLevel && !proxyStatuses.has(response.status)) {
    throw new AppError(
      'highlevel_unreachable',
      `The CRM’s address answered ${response.status} with something that is not the CRM’s: a firewall or proxy may be in between.`,
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

/** A gateway in front of HighLevel says these itself, and means the request: its limit, and the size of a file. */
const proxyStatuses = new Set([413, 429]);

/** Whether a body is a JSON document; an empty one says nothing, and its status counts. */
function isJson(text: string): boolean {
  if (text.trim() === '') return true;
  try {
    parseWithAllDigits(text);
    return true;
  } catch {
    return false;
  }
}

/** HighLevel's own words in an error answer; a list of them for a shape it did not like. */
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

/** A wait in milliseconds, an hour at most: a time where a duration was meant must not park a location. */
function toDelayMs(value: number | null, unitMs = 1): number | null {
  return value === null || value < 0 ? null : Math.min(value * unitMs, maxDelayMs);
}
