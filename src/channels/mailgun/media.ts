import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { toAuthorization } from './api.ts';
import type { MailgunContext } from './config.ts';

/**
 * Fetches a file of an inbound email, which Mailgun keeps for three days. The API key goes to Mailgun and to the host of the base URL only,
 * whichever address the webhook named.
 *
 * @param ref its address, as Mailgun wrote it
 */
export async function fetchStoredFile(context: MailgunContext, ref: string): Promise<FetchedFile | FetchFailure> {
  if (!/^https?:$/.test(URL.canParse(ref) ? new URL(ref).protocol : '')) {
    return { kind: 'rejected', code: 'media_gone', reason: 'has no web address' };
  }
  const { config } = context.connection;
  return isTrustedHost(ref, config.baseUrl)
    ? context.fetchFile(ref, { authorization: toAuthorization(config) })
    : context.fetchFile(ref);
}

/** Returns whether an address may receive the API key: Mailgun's API and storage, of any region, or the base URL. */
export function isTrustedHost(ref: string, baseUrl: string): boolean {
  const { origin, username, password } = new URL(ref);
  if (username !== '' || password !== '') return false;
  return origin === new URL(baseUrl).origin || /^https:\/\/(?:[a-z0-9-]+\.)*mailgun\.net$/.test(origin);
}
