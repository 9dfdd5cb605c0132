import { truncate } from '../../core/sanitize.ts';
import type { SendOutcome } from '../channel.ts';
import type { VendorError } from '../mail/request.ts';
import { readApiError } from './records.ts';

/**
 * Treatment of an error.
 *
 * - `rejected`: final for this email.
 * - `account`: about the account, its key or its domain, so that every email would fail.
 * - `busy`: not sent; a later attempt may succeed.
 * - `unknown`: an attempt may have sent the email.
 */
export type ErrorClass = 'rejected' | 'account' | 'busy' | 'unknown';

interface ErrorRow {
  readonly class: ErrorClass;
  readonly message: string;
  readonly retryAfterMs?: number;
}

const hourMs = 60 * 60 * 1000;

/** Errors of Resend, by their names. */
const errors: Readonly<Record<string, ErrorRow>> = {
  missing_api_key: { class: 'account', message: 'Resend has received no API key.' },
  restricted_api_key: { class: 'account', message: 'Resend does not let this API key send from this domain.' },
  invalid_api_key: { class: 'account', message: 'Resend does not accept the API key.' },
  invalid_access: { class: 'account', message: 'Resend does not let this API key send.' },
  invalid_from_address: { class: 'account', message: 'Resend does not accept the sender.' },
  not_found: { class: 'account', message: 'This address does not respond as Resend’s API does.' },
  method_not_allowed: { class: 'account', message: 'This address does not respond as Resend’s API does.' },
  security_error: { class: 'rejected', message: 'Resend considers the email unsafe.' },
  rate_limit_exceeded: {
    class: 'busy',
    message: 'Too many requests in a second: lower the rate of this connection.',
    retryAfterMs: 1_000,
  },
  daily_quota_exceeded: {
    class: 'busy',
    message: 'The Resend account has reached its limit of the day.',
    retryAfterMs: hourMs,
  },
  monthly_quota_exceeded: {
    class: 'busy',
    message: 'The Resend account has reached its limit of the month: upgrade its plan.',
    retryAfterMs: hourMs,
  },
  concurrent_idempotent_requests: {
    class: 'busy',
    message: 'An earlier attempt is still being processed.',
    retryAfterMs: 10_000,
  },
  invalid_idempotent_request: {
    class: 'unknown',
    message: 'Resend has received this email before with another content, and may have sent it.',
  },
};

/** Words about a domain that can't send, in an error that has no name of its own. */
const domainWords = /domain.{1,300}not verified|verify (?:a|your) domain/is;
/** Words about an account that may send to itself alone. */
const testWords = /testing emails/i;

/** Classifies an error by its name, or, as Resend adds names, by its HTTP status. */
export function classifyError({ status, body }: Pick<VendorError, 'status' | 'body'>): ErrorClass {
  const { name, message = '' } = readApiError(body);
  if (status === 429) return 'busy';
  const known = findError(name);
  if (known) return known.class;
  if (name === 'validation_error' && testWords.test(message)) return 'rejected';
  if (name === 'validation_error' && domainWords.test(message)) return 'account';
  if (status === 401 || status === 403) return 'account';
  // A refusal without a name is a proxy's on the way, and no refusal of Resend.
  if (status >= 400 && status < 500 && status !== 408) return name === undefined ? 'busy' : 'rejected';
  return 'unknown';
}

function findError(name: string | undefined): ErrorRow | undefined {
  return name !== undefined && Object.hasOwn(errors, name) ? errors[name] : undefined;
}

/** Converts the error of a send to its outcome. */
export function toErrorOutcome(error: Pick<VendorError, 'status' | 'body' | 'retryAfterMs'>): SendOutcome {
  const { name } = readApiError(error.body);
  const code = truncate(name ?? `http_${error.status}`, 200);
  const message = describeError(error);
  switch (classifyError(error)) {
    case 'rejected':
      return { kind: 'rejected', code, message, isAuthoritative: true };
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'busy': {
      const retryAfterMs = error.retryAfterMs ?? findError(name)?.retryAfterMs;
      // Limits are of the account: its other emails would be refused as well.
      const isConnectionWide = error.status === 429;
      return { kind: 'unavailable', code, message, isConnectionWide, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'unknown':
      return { kind: 'unknown', code, message };
  }
}

/** Describes an error: what it means, then Resend's words. */
export function describeError({ status, body }: Pick<VendorError, 'status' | 'body'>): string {
  const { name, message } = readApiError(body);
  const known = findError(name)?.message;
  return truncate([known, message].filter(Boolean).join(' ') || `Resend responded with ${status}.`);
}
