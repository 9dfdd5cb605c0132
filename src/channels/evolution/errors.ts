import { toList, toObject, toText } from '../../core/foreign.ts';
import { toSingleLine } from '../../core/sanitize.ts';
import type { ServerError, ServerFailure } from '../whatsapp-web/call-server.ts';
import type { Failure } from '../whatsapp-web/send-parts.ts';

/**
 * Treatment of a refused request.
 *
 * - `credentials`, `instance_unknown`, `license_required`: about the account, so that every message would fail.
 * - `busy`: not sent; a later attempt may succeed.
 * - `not_on_whatsapp`, `media_refused`, `invalid_request`, `too_large`: final for this message.
 * - `ambiguous`: it may have been sent, whatever the state of the instance.
 * - `unknown`: it may have been sent, unless the instance is not connected.
 */
export type ErrorClass =
  | 'credentials'
  | 'instance_unknown'
  | 'license_required'
  | 'busy'
  | 'not_on_whatsapp'
  | 'media_refused'
  | 'invalid_request'
  | 'too_large'
  | 'ambiguous'
  | 'unknown';

const maxReasonChars = 300;
const maxDepth = 4;

/** Reads the server's reason: a text, a list of texts, a list of lists, or a list of objects. */
export function readReason({ body, text, status }: Pick<ServerError, 'body' | 'text' | 'status'>): string {
  const found = listWords(toObject(body.response).message ?? body.message, 0);
  const words = found.length > 0 ? found.join('; ') : (toText(body.error) ?? (/^\s*</.test(text) ? '' : text));
  return toSingleLine(words, maxReasonChars) || `HTTP ${status}`;
}

function listWords(value: unknown, depth: number): string[] {
  if (depth > maxDepth) return [];
  if (Array.isArray(value)) return value.flatMap((one) => listWords(one, depth + 1));
  if (typeof value === 'object' && value !== null) {
    const { message, number } = value as Record<string, unknown>;
    return [toText(message) ?? (toText(number) ? `number ${toText(number)}` : undefined)].filter((one) => one !== undefined);
  }
  return [toText(value)].filter((one) => one !== undefined);
}

/** Returns whether the server names a number that is not on WhatsApp. */
function isNotOnWhatsApp(message: unknown): boolean {
  return toList(message)
    .flat()
    .some((one) => toText(toObject(one).exists) === 'false');
}

const ambiguousWords = [
  'connection closed',
  'timed out',
  'timeout',
  'aggregateerror',
  'precondition required',
  'socket hang up',
];
/** A line of a stack. */
const stackWords = / at [\w.]{1,80} \(/;
const schemaWords =
  /requires property|is not of a type|does not (?:meet|match|conform)|additional property|should not be empty|must be a|is not one of/i;
const mediaWords =
  /owned media must be|invalid (?:media|file|url)|failed to fetch|error (?:downloading|fetching)|unsupported media|base64 or valid url/i;

/** Classifies a refused request. Nearly all of the server's refusals are a 400, so that its words decide. */
export function classifyError(error: Pick<ServerError, 'status' | 'body' | 'text'>): ErrorClass {
  const { status, body } = error;
  if (toText(body.code) === 'LICENSE_REQUIRED') return 'license_required';
  if (status === 429 || status === 425 || status === 503) return 'busy';
  if (status === 401 || status === 403) return 'credentials';
  // A path that the server does not have, too, fails every message.
  if (status === 404) return 'instance_unknown';
  if (status === 413) return 'too_large';
  const message = toObject(body.response).message ?? body.message;
  if (isNotOnWhatsApp(message)) return 'not_on_whatsapp';
  const words = readReason(error);
  const lowerCase = words.toLowerCase();
  if (ambiguousWords.some((one) => lowerCase.includes(one)) || stackWords.test(words)) return 'ambiguous';
  if (status === 400 && mediaWords.test(words)) return 'media_refused';
  if (status === 400 && schemaWords.test(words)) return 'invalid_request';
  return 'unknown';
}

const messages: Readonly<Record<ErrorClass, string>> = {
  credentials: 'Evolution API does not accept the API key.',
  instance_unknown: 'Evolution API knows no such instance.',
  license_required: 'The Evolution API server is not activated: its licence has to be activated first.',
  busy: 'Evolution API is busy.',
  not_on_whatsapp: 'The number is not on WhatsApp.',
  media_refused: 'Evolution API does not accept the file.',
  invalid_request: 'Evolution API does not accept the message: it may be of a version that is not supported.',
  too_large: 'The file is larger than Evolution API accepts.',
  ambiguous: 'Evolution API failed, and may have sent the message.',
  unknown: 'Evolution API failed, and may have sent the message.',
};

/** Describes a refusal: what it means, and the server's reason. The address at which a licence is activated is a part of it. */
export function describeError(error: ServerError): string {
  const kind = classifyError(error);
  const address = kind === 'license_required' ? toText(error.body.register_url) : undefined;
  const reason = address && /^https?:\/\/[\w./?=&%-]{3,300}$/.test(address) ? address : readReason(error);
  return `${messages[kind]} (${reason})`;
}

/**
 * Converts a failed request to an outcome of a send.
 *
 * @param isConnected state of the instance after a failure of the kind `unknown`; null where it could not be asked
 */
export function toFailure(result: ServerFailure, isConnected: boolean | null = null): Failure {
  if (result.kind === 'no_response') {
    return result.sent === 'no'
      ? { kind: 'unavailable', code: 'unreachable', message: result.message }
      : { kind: 'unknown', code: 'no_response', message: result.message };
  }
  const kind = classifyError(result);
  const message = describeError(result);
  const response = result.log;
  switch (kind) {
    case 'credentials':
    case 'instance_unknown':
    case 'license_required':
      return { kind: 'connection_error', code: kind, message, response };
    case 'busy': {
      const { retryAfterMs } = result;
      return { kind: 'unavailable', code: kind, message, response, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    }
    case 'unknown': {
      const isRefused = isConnected === false && (result.status === 400 || result.status === 500);
      if (!isRefused) return { kind: 'unknown', code: `http_${result.status}`, message, response };
      const words = 'The Evolution API instance is not connected to WhatsApp.';
      return { kind: 'connection_error', code: 'instance_not_connected', message: words, response };
    }
    case 'ambiguous':
      return { kind: 'unknown', code: `http_${result.status}`, message, response };
    default:
      return { kind: 'rejected', code: kind, message, isAuthoritative: true, response };
  }
}
