import type { SendOutcome } from '../channel.ts';

/**
 * Treatment of an error code.
 *
 * - `rejected`: final for this message.
 * - `blocked`: final; the contact has opted out only if the error's text says so, as carriers' blocks have the same code.
 * - `busy`: not sent; a later attempt may succeed.
 * - `account`: about the account or its key, so that every message would fail.
 * - `sender`: about the sender or its messaging profile. Where the message has named it, final for this message; else it is as `account`.
 * - `unknown`: the message may have been sent.
 */
export type ErrorClass = 'rejected' | 'blocked' | 'busy' | 'account' | 'sender' | 'unknown';

interface ErrorRow {
  readonly class: ErrorClass;
  readonly message: string;
  readonly retryAfterMs?: number;
  /** In a webhook it means that no message of the account, or of the sender, is sent any more: the connection is held. */
  readonly holds?: true;
}

const row = (errorClass: ErrorClass, message: string, rest: Omit<ErrorRow, 'class' | 'message'> = {}): ErrorRow => ({
  class: errorClass,
  message,
  ...rest,
});
const rejected = (message: string) => row('rejected', message);
const busy = (message: string, retryAfterMs?: number) =>
  row('busy', message, retryAfterMs === undefined ? {} : { retryAfterMs });
const account = (message: string) => row('account', message);
const sender = (message: string) => row('sender', message);
const lostSender = (message: string) => row('sender', message, { holds: true });

const minuteMs = 60_000;

/**
 * Error codes of Telnyx, of its responses and of its webhooks. 40309, a country that the messaging profile does not allow, stays with its
 * message although it names the profile: messages to other countries pass.
 */
const errors: Readonly<Record<string, ErrorRow>> = {
  10002: rejected('The recipient’s number is not valid.'),
  10005: account('Telnyx received no API key: a proxy on the way may remove it.'),
  10007: row('unknown', 'Telnyx had an internal error, and may have sent the message.'),
  10009: account('Telnyx does not accept the API key.'),
  10010: account('The API key lacks the permission to send.'),
  10011: busy('Too many requests of this Telnyx account.'),
  10015: rejected('Telnyx does not accept the request.'),
  10016: rejected('The recipient’s number is not valid.'),
  20002: account('The API key is no longer valid.'),
  20006: account('The API key has expired.'),
  20012: account('The Telnyx account is not active.'),
  20013: account('The Telnyx account is not verified yet.'),
  20014: account('The Telnyx account may not do this yet.'),
  20015: account('The Telnyx account may not do this yet.'),
  20016: account('The Telnyx account may not do this.'),
  20017: account('The Telnyx account may not do this.'),
  20100: row('account', 'The Telnyx account has no funds.', { holds: true }),
  40001: rejected('The recipient’s number is a landline.'),
  40002: busy('Telnyx or the carrier blocks the message for now, as unwanted.', 15 * minuteMs),
  40003: rejected('Telnyx or the carrier blocks the message as unwanted.'),
  40004: busy('The recipient’s carrier did not take the message.'),
  40005: rejected('The message expired before it could be delivered.'),
  40006: busy('The recipient’s carrier cannot be reached.'),
  40008: row('blocked', 'The message could not be delivered.'),
  40009: rejected('The text of the message is not valid.'),
  40010: sender('The sender is not registered for 10DLC, which US numbers require.'),
  40011: busy('The sender exceeded its rate.'),
  40012: rejected('The recipient’s number is not valid.'),
  40013: sender('The sender’s number is not valid.'),
  40014: busy('The message waited too long at Telnyx: too many messages of this sender.'),
  40016: busy('The sender reached a limit of the carrier.', 60 * minuteMs),
  40017: busy('The sender reached a limit of the carrier.', 60 * minuteMs),
  40018: busy('The sender reached a limit of the carrier.', 60 * minuteMs),
  40100: sender('The sender’s number is not enabled for messaging: assign a messaging profile to it.'),
  40150: sender('The sender’s 10DLC campaign is not ready.'),
  40151: sender('The sender’s 10DLC campaign is not ready.'),
  40300: row('blocked', 'The message was blocked.'),
  40301: rejected('Telnyx does not support this type of message.'),
  40302: rejected('The message is too large.'),
  40304: rejected('The content of the message is not valid.'),
  40305: sender('The sender is not a number of this Telnyx account, or belongs to another messaging profile.'),
  40306: sender('The messaging profile has no name as its sender.'),
  40308: sender('The sender cannot send this type of message.'),
  40309: rejected('The messaging profile does not allow this destination: add the country to it.'),
  40310: rejected('The recipient’s number is not valid.'),
  40311: sender('Telnyx does not accept the messaging profile.'),
  40312: lostSender('The messaging profile is disabled.'),
  40313: sender('Telnyx does not accept the messaging profile.'),
  40314: lostSender('Messaging is disabled for the Telnyx account or its number.'),
  40315: sender('Telnyx considers the sender’s traffic unhealthy.'),
  40316: rejected('The message has neither text nor a file.'),
  40317: rejected('The files of the message are not valid.'),
  40318: busy('Too many messages of this sender are waiting at Telnyx.', 5 * minuteMs),
  40319: rejected('The sender and the recipient do not go together with this type of message.'),
  40320: busy('Telnyx is still setting up the sender’s number.', 5 * minuteMs),
  40321: sender('The messaging profile has no number that can send.'),
  40322: rejected('Telnyx does not accept the content of the message.'),
  40328: rejected('The text is too long.'),
  40329: sender('The toll-free number is not verified.'),
  40333: lostSender('The messaging profile reached its daily spend limit.'),
};

/** Finds what is known about an error code. */
export function findError(code: string | undefined): ErrorRow | undefined {
  return code !== undefined && Object.hasOwn(errors, code) ? errors[code] : undefined;
}

/** Error of a response: the first of its list, where its body had one. */
export interface ApiError {
  readonly status: number;
  readonly code: string | undefined;
  /** Title and detail. */
  readonly message: string | undefined;
  readonly retryAfterMs: number | undefined;
}

/** Words by which Telnyx says that a contact has opted out. The code alone also stands for a carrier's block. */
const optOutWords = /\bstop(?:ped)?\b|\bopt(?:ed|s)?[ -]?out\b|\bopt-?out|\bunsubscribed?\b/i;

/** Returns whether an error says that the contact has opted out: by its code and its text together. */
export function isOptOut({ code, message }: Pick<ApiError, 'code' | 'message'>): boolean {
  return findError(code)?.class === 'blocked' && optOutWords.test(message ?? '');
}

/** Classifies an error by its code, or, as Telnyx adds codes, by its HTTP status. */
export function classifyError({ status, code }: Pick<ApiError, 'status' | 'code'>): ErrorClass {
  // A limit of requests is never processed, with any code.
  if (status === 429) return 'busy';
  const known = findError(code);
  if (known) return known.class;
  if (status === 401 || status === 403) return 'account';
  if (status === 402) return 'account';
  if (status === 425) return 'busy';
  return status >= 400 && status < 500 && status !== 408 ? 'rejected' : 'unknown';
}

/** Describes an error in our words, or in Telnyx's where its code is not known. */
export function describeError(error: Pick<ApiError, 'code' | 'message'>): string | undefined {
  if (isOptOut(error)) return 'The contact has opted out of messages from this messaging profile.';
  return findError(error.code)?.message ?? error.message;
}

/**
 * Converts the error of a send to its outcome.
 *
 * @param isOwnSender the message has named its sender, so that the sender's problems are its own
 */
export function toErrorOutcome(error: ApiError, isOwnSender: boolean): SendOutcome {
  const code = error.code ?? `http_${error.status}`;
  const message = describeError(error) ?? `Telnyx responded with ${error.status}.`;
  const isAuthoritative = error.code !== undefined;
  switch (classifyError(error)) {
    case 'blocked':
      return { kind: 'rejected', code, message, isAuthoritative, ...(isOptOut(error) ? { optedOut: 'all' as const } : {}) };
    case 'busy': {
      const retryAfterMs = error.retryAfterMs ?? findError(error.code)?.retryAfterMs;
      return { kind: 'unavailable', code, message, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'sender':
      return isOwnSender ? { kind: 'rejected', code, message, isAuthoritative } : { kind: 'connection_error', code, message };
    case 'unknown':
      return { kind: 'unknown', code, message };
    case 'rejected':
      return { kind: 'rejected', code, message, isAuthoritative };
  }
}
