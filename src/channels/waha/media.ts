import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { trimSlashes } from '../whatsapp-web/call-server.ts';
import type { WahaContext } from './config.ts';
import { isFileRef } from './read-webhook.ts';

/** Downloads a file of a contact from the server, with the key. @param ref its path at the server, as a webhook has named it */
export async function fetchMedia(context: WahaContext, ref: string): Promise<FetchedFile | FetchFailure> {
  const { baseUrl, apiKey } = context.connection.config;
  if (!isFileRef(ref)) return { kind: 'rejected', code: 'media_unknown', reason: 'is at an address that is not the server’s' };
  return context.fetchFile(`${trimSlashes(baseUrl)}${ref}`, { 'x-api-key': apiKey });
}
