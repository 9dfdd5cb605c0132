import { toList, toText } from '../../core/foreign.ts';
import { toSingleLine } from '../../core/sanitize.ts';
import type { ServerError, ServerFailure } from '../whatsapp-web/call-server.ts';
import type { Failure } from '../whatsapp-web/send-parts.ts';

/**
 * Treatment of a refused request.
 *
 * - `credentials`, `session_unknown`, `session_not_working`: about the account, so that every message would fail.
 * - `starting`, `busy`: not sent; a later attempt may succeed.
 * - `not_on_whatsapp`, `not_supported`, `too_large`, `invalid_request`: final for this message.
 * - `unknown`: the message may have been sent.
 */
export type ErrorClass =
  | 'credentials'
  | 'session_unknown'
  | 'session_not_working'
  | 'starting'
  | 'busy'
  | 'not_on_whatsapp'
  | 'not_supported'
  | 'too_large'
  | 'invalid_request'
  | 'unknown';

const maxReasonChars = 300;

/** Words of engines for a recipient whom WhatsApp does not know. */
const notOnWhatsApp =
  /no lid for user|not (?:registered|found) on whatsapp|not on whatsapp|number does not exist|isn.t on whatsapp/i;
const notSupported = /not (?:implemented|supported|available) (?:by|in|for) /i;
const sessionWords = /session status is not as expected|not started|not working|not ready/i;
const doesNotExist = /does not exist/i;

/** Reads the server's reason: a text, a list of them, or the error of the engine. */
export function readReason({ body, text, status }: Pick<ServerError, 'body' | 'text' | 'status'>): string {
  const { message, error, exception } = body;
  const exceptionWords =
    typeof exception === 'object' && exception !== null ? (exception as Record<string, unknown>).message : exception;
  const words = [...toList(message), ...toList(exceptionWords), ...toList(error)].flatMap((one) => toText(one) ?? []);
  const html = /^\s*</.test(text);
  return toSingleLine(words[0] ?? (html ? '' : text), maxReasonChars) || `HTTP ${status}`;
}

/** Classifies a refused request. */
export function classifyError(error: Pick<ServerError, 'status' | 'body' | 'text'>): ErrorClass {
  const { status, body, text } = error;
  if (status === 429 || status === 425 || status === 503) return 'busy';
  if (status === 401 || status === 403) return 'credentials';
  if (status === 413) return 'too_large';
  // Before the words about a session: that one number does not exist must not hold the connection.
  if (notOnWhatsApp.test(text)) return 'not_on_whatsapp';
  const isAboutSession = sessionWords.test(text) || (doesNotExist.test(text) && /\bsession\b/i.test(text));
  const isSession = isAboutSession || (toList(body.expected).length > 0 && toText(body.status) !== undefined);
  if (status === 422 && isSession) return toText(body.status) === 'STARTING' ? 'starting' : 'session_not_working';
  // A path that the server does not have, too, fails every message.
  if (status === 404) return 'session_unknown';
  if (status === 501 || notSupported.test(text)) return 'not_supported';
  if (status === 400) return 'invalid_request';
  return 'unknown';
}

const messages: Readonly<Record<ErrorClass, string>> = {
  credentials: 'WAHA does not accept the API key.',
  session_unknown: 'WAHA knows no such session.',
  session_not_working: 'The WAHA session is not linked to a phone at present.',
  starting: 'The WAHA session is starting.',
  busy: 'WAHA is busy.',
  not_on_whatsapp: 'The number is not on WhatsApp.',
  not_supported: 'The engine of the WAHA session can’t send this kind of message.',
  too_large: 'The file is larger than WAHA accepts.',
  invalid_request: 'WAHA does not accept the message.',
  unknown: 'WAHA failed, and may have sent the message.',
};

/** Converts a failed request to an outcome of a send. */
export function toFailure(result: ServerFailure): Failure {
  if (result.kind === 'no_response') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  const kind = classifyError(result);
  const message = `${messages[kind]} (${readReason(result)})`;
  const response = result.log;
  switch (kind) {
    case 'credentials':
    case 'session_unknown':
    case 'session_not_working':
      return { kind: 'connection_error', code: kind, message, response };
    case 'starting':
    case 'busy': {
      const { retryAfterMs } = result;
      return { kind: 'unavailable', code: kind, message, response, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'unknown':
      return { kind: 'unknown', code: `http_${result.status}`, message, response };
    default:
      return { kind: 'rejected', code: kind, message, isAuthoritative: true, response };
  }
}
