import type { FetchedFile, FetchFailure } from '../../runtime/fetch-file.ts';
import { requestResend } from './api.ts';
import type { ResendContext } from './config.ts';
import { resendId } from './inbound.ts';
import { readDownloadUrl } from './records.ts';

/**
 * Fetches a file of a received email: Resend is asked for an address, which holds its own proof, so that the API key stays with Resend.
 *
 * @param ref ids of the email and of the file
 */
export async function fetchReceivedFile(context: ResendContext, ref: string): Promise<FetchedFile | FetchFailure> {
  const [emailId = '', fileId = ''] = ref.split('/');
  // Any other text would lead to another address.
  if (!resendId.test(emailId) || !resendId.test(fileId)) return toFailure('rejected', 'has no valid id');
  const response = await requestResend(context, { path: `/emails/receiving/${emailId}/attachments/${fileId}` });
  if (response.kind === 'ok') {
    const url = readDownloadUrl(response.body);
    return url === undefined ? toFailure('missing', 'has no address at Resend') : context.fetchFile(url);
  }
  if (response.kind === 'failed' || response.status === 429 || response.status >= 500) {
    return { kind: 'unavailable', code: 'attachment_unreachable', reason: 'could not be fetched' };
  }
  return toFailure(response.status === 404 ? 'missing' : 'rejected', `could not be fetched (${response.status})`);
}

function toFailure(kind: 'rejected' | 'missing', reason: string): FetchFailure {
  return { kind, code: 'media_gone', reason };
}
