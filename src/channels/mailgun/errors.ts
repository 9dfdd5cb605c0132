import { truncate } from '../../core/sanitize.ts';
import type { SendOutcome } from '../channel.ts';
import type { VendorError } from '../mail/request.ts';
import { type EventRecord, readErrorMessage } from './records.ts';

/** Error of a response. Mailgun has no codes for errors: the HTTP status decides, and a few words where one status has two meanings. */
type ResponseError = Pick<VendorError, 'status' | 'body' | 'retryAfterMs'>;

/** Words of a limit that ends: the message was not sent. */
const limitWords = /limit exceeded|too many|try again|probation/i;
/** Words about one recipient of a domain for tests. */
const sandboxWords = /sandbox subdomains|authorized recipient/i;

/** Classes of errors: final for the message, about the account, for later, or unknown. */
export type ErrorClass = 'rejected' | 'account' | 'busy' | 'unknown';

/** Classifies an error. A refusal without Mailgun's words is a proxy's on the way, except for its plain `Forbidden`. */
export function classifyError({ status, body }: ResponseError): ErrorClass {
  const message = readErrorMessage(body);
  if (status === 429) return 'busy';
  if (status === 403 && message !== undefined) {
    return limitWords.test(message) ? 'busy' : sandboxWords.test(message) ? 'rejected' : 'account';
  }
  if (status === 401 || status === 402 || status === 403 || status === 404) return 'account';
  if (status === 413) return 'rejected';
  if (status >= 400 && status < 500 && status !== 408) return message === undefined ? 'busy' : 'rejected';
  return 'unknown';
}

const advice: Readonly<Record<number, string>> = {
  401: 'Mailgun does not accept the API key. A key works in one region only.',
  402: 'The Mailgun account has an unpaid bill.',
  403: 'Mailgun does not let this account or domain send.',
  404: 'Mailgun knows no such domain in this region.',
  413: 'The email is larger than Mailgun allows, which is 25 MB.',
  429: 'Mailgun takes no more requests for the moment.',
};

/** Converts the error of a send to its outcome. */
export function toErrorOutcome(error: ResponseError): SendOutcome {
  const { status, body, retryAfterMs } = error;
  const words = readErrorMessage(body);
  const code = `http_${status}`;
  const message = describeError(status, words);
  switch (classifyError(error)) {
    case 'rejected':
      return { kind: 'rejected', code, message, isAuthoritative: true };
    case 'account':
      return { kind: 'connection_error', code, message };
    case 'busy':
      // Limits are of the account or the domain: other emails would be refused as well.
      return {
        ...{ kind: 'unavailable', code, message, isConnectionWide: status === 429 || status === 403 },
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      };
    case 'unknown':
      return { kind: 'unknown', code, message };
  }
}

/** Describes an error: what a person can do, then Mailgun's words. */
export function describeError(status: number, words: string | undefined): string {
  const known = advice[status];
  const reason = words ?? (known ? '' : `Mailgun responded with ${status}.`);
  return truncate([known, reason].filter(Boolean).join(' '));
}

/** What a contact did, where a failure means it: Mailgun then sends no message of the domain to that address. */
export type Suppression = 'unsubscribed' | 'complained';

interface Failure {
  readonly code: string;
  readonly message: string;
  readonly suppression?: Suppression;
}

const suppressions: Readonly<Record<string, Failure>> = {
  605: {
    code: '605',
    message:
      'Mailgun did not send it, as an earlier email to this address bounced. Correct the address, or remove it in Mailgun under Suppressions › Bounces.',
  },
  606: {
    code: '606',
    message:
      'Mailgun did not send it, as the contact has unsubscribed. With the contact’s consent, remove the address in Mailgun under Suppressions › Unsubscribes.',
    suppression: 'unsubscribed',
  },
  607: {
    code: '607',
    message:
      'Mailgun did not send it, as the contact has marked an earlier email as spam. Only with the contact’s consent, remove the address in Mailgun under Suppressions › Complaints.',
    suppression: 'complained',
  },
};

const codesOfReasons: Readonly<Record<string, string>> = {
  'suppress-bounce': '605',
  'suppress-unsubscribe': '606',
  'suppress-complaint': '607',
};

/** Describes why an email failed: Mailgun's own lists with what to do, else the words of the receiving server. */
export function describeFailure({ reason, status, rejectReason }: EventRecord): Failure {
  const known = suppressions[codesOfReasons[reason ?? ''] ?? status.code ?? ''];
  if (known) return known;
  const words = status.message ?? status.description ?? rejectReason;
  const message = words ?? `Mailgun reported a failure${reason ? ` (${reason})` : ''}, without a reason.`;
  return { code: truncate(status['enhanced-code'] ?? status.code ?? reason ?? 'failed', 200), message: truncate(message) };
}
