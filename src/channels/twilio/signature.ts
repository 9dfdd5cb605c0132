import { createHash, createHmac } from 'node:crypto';
import { AppError } from '../../core/errors.ts';
import { safeEqual } from '../../core/safe-equal.ts';
import type { WebhookRequest } from '../channel.ts';

export const signatureHeader = 'x-twilio-signature';

/** Name and values, in any order, as they were received. */
type Parameters = Iterable<readonly [string, string]>;

/**
 * Computes Twilio's signature: HMAC-SHA1 over the URL, then each parameter's name and value in the order of the names. Of a name that is
 * there several times each distinct value counts once.
 *
 * @param url as Twilio has called it, with its query and without a fragment
 */
export function computeSignature(authToken: string, url: string, parameters: Parameters): string {
  const values = new Map<string, Set<string>>();
  for (const [name, value] of parameters) values.set(name, (values.get(name) ?? new Set()).add(value));
  const names = [...values.keys()].sort();
  const signed = names.flatMap((name) => [...(values.get(name) ?? [])].sort().map((value) => name + value));
  return createHmac('sha1', authToken)
    .update(url + signed.join(''))
    .digest('base64');
}

/**
 * Lists the forms of a URL that Twilio may have signed: its clients disagree on whether the port belongs to it. Works on the text: a URL
 * object would encode other characters than Twilio does.
 */
export function listSignedUrls(url: string): string[] {
  const [, scheme = '', authority = '', rest = ''] = /^(https?):\/\/([^/?#]*)([^#]*)/i.exec(url) ?? [];
  if (!scheme) return [url];
  const bare = authority.replace(/:\d+$/, '');
  const standardPort = scheme.toLowerCase() === 'https' ? 443 : 80;
  const authorities = new Set([authority, bare, authority === bare ? `${bare}:${standardPort}` : authority]);
  return [...authorities].map((one) => `${scheme}://${one}${rest}`);
}

/**
 * Verifies that Twilio has sent a webhook: over URL and parameters, or, where the URL carries the hash of a body that is no form, over the
 * URL and that hash. It holds no time: only message and status distinguish a repeat.
 *
 * @param authTokens the current one, and the previous one while it is still valid
 * @param url the address that Twilio knows, without a query
 * @throws AppError `signature_invalid`
 */
export function requireTwilioSignature(authTokens: readonly string[], url: string, request: WebhookRequest): void {
  const given = request.headers[signatureHeader];
  const bodyHash = request.query.get('bodySHA256');
  const isBodyIntact =
    bodyHash === null || safeEqual(bodyHash.toLowerCase(), createHash('sha256').update(request.body).digest('hex'));
  const parameters = bodyHash === null ? [...new URLSearchParams(request.body.toString('utf8'))] : [];
  const query = request.query.toString();
  const signedUrls = listSignedUrls(query === '' ? url : `${url}?${query}`);
  const isSigned =
    typeof given === 'string' &&
    isBodyIntact &&
    authTokens.some((token) => signedUrls.some((signed) => safeEqual(given, computeSignature(token, signed, parameters))));
  if (isSigned) return;
  // Twilio's newer scheme needs a key that no setting holds.
  const isNewScheme = request.headers['x-twilio-webhooks-signature-settings'] !== undefined;
  const reason = isNewScheme
    ? 'Twilio signed this webhook with a webhook key; only signatures with the Auth Token are supported.'
    : 'The X-Twilio-Signature is missing, or does not fit the primary Auth Token and the address in APP_URL.';
  throw new AppError('signature_invalid', reason);
}
