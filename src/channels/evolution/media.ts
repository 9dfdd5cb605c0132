import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { callEvolution } from './api.ts';
import type { EvolutionContext } from './config.ts';
import { readMedia } from './responses.ts';

/** Base64 of the largest file that the program stores by default, and the JSON around it. */
const maxResponseBytes = 40 * 1024 * 1024;
const timeoutMs = 60_000;

const messageKey = /^[\w.-]{1,200}$/;

/**
 * Downloads a file of a contact: the server decrypts it, as long as it has the message in its database. @param ref the key of the message
 */
export async function fetchMedia(context: EvolutionContext, ref: string): Promise<FetchedFile | FetchFailure> {
  if (!messageKey.test(ref)) return { kind: 'rejected', code: 'media_unknown', reason: 'has no id that the server knows' };
  const result = await callEvolution(context, {
    method: 'POST',
    path: '/chat/getBase64FromMediaMessage',
    body: { message: { key: { id: ref } }, convertToMp4: false },
    timeoutMs,
    maxResponseBytes,
  });
  if (result.kind !== 'ok') {
    // The webhook may come before the message is in the server's database.
    const isMissing = result.kind === 'error' && (result.status === 400 || result.status === 404);
    return isMissing
      ? { kind: 'missing', code: 'media_gone', reason: `could not be fetched (${result.status})` }
      : { kind: 'unavailable', code: 'attachment_unreachable', reason: 'could not be fetched' };
  }
  if (result.isPartial) return { kind: 'rejected', code: 'media_too_large', reason: 'is larger than the program fetches' };
  const media = readMedia(result.body);
  if (!media) return { kind: 'missing', code: 'media_gone', reason: 'could not be fetched (the server returned no content)' };
  const file = await context.fetchFile(`data:${toBareType(media.contentType)};base64,${media.base64}`);
  return file;
}

function toBareType(contentType: string): string {
  const type = (contentType.split(/[;,]/)[0] ?? '').trim().toLowerCase();
  return /^[\w.+-]+\/[\w.+-]+$/.test(type) ? type : 'application/octet-stream';
}
