import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import type { AndroidContext } from './api.ts';

/** Fetches a file of a picture message: its reference is the file itself, as the webhook held it. @param ref a `data:` address */
export async function fetchFile(context: AndroidContext, ref: string): Promise<FetchedFile | FetchFailure> {
  if (!ref.startsWith('data:')) return { kind: 'rejected', code: 'media_gone', reason: 'is not in the message' };
  return context.fetchFile(ref);
}
