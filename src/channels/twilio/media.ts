import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { getCredentials, type TwilioContext, toAuthorization } from './api.ts';

/**
 * Fetches a file of an inbound message. The credentials go to Twilio and to the host of the base URL only, whichever address the webhook
 * named, and not on to the storage to which Twilio redirects; a file elsewhere is fetched without them.
 *
 * @param ref its address, as Twilio wrote it
 */
export async function fetchMedia(context: TwilioContext, ref: string): Promise<FetchedFile | FetchFailure> {
  if (!/^https?:$/.test(URL.canParse(ref) ? new URL(ref).protocol : '')) {
    return { kind: 'rejected', code: 'media_gone', reason: 'has no web address' };
  }
  const { config } = context.connection;
  return isTrustedHost(ref, config.baseUrl)
    ? context.fetchFile(ref, { authorization: toAuthorization(getCredentials(config)) })
    : context.fetchFile(ref);
}

/** Returns whether an address may receive the credentials: Twilio's API, of any region, or the base URL. */
export function isTrustedHost(ref: string, baseUrl: string): boolean {
  const { origin, username, password } = new URL(ref);
  if (username !== '' || password !== '') return false;
  return origin === new URL(baseUrl).origin || /^https:\/\/api\.(?:[a-z0-9-]+\.)*twilio\.com$/.test(origin);
}
