import type { FetchedAttachment } from '../../runtime/fetch-file.ts';
import type { SendOutcome } from '../channel.ts';
import type { WhatsAppContext } from './config.ts';
import { callGraph } from './graph.ts';
import { canHaveCaption, findDocumentName, findMediaKind, type MediaKind, toBareType } from './media-kinds.ts';
import { toFailure } from './outcome.ts';
import { readUploadId } from './responses.ts';

/** Attachment as WhatsApp receives it: an uploaded file, a document that Meta fetches itself, or an address in a text. */
export type PreparedMedia =
  | { readonly kind: MediaKind; readonly source: { readonly id: string } | { readonly link: string }; readonly name: string }
  /** `refusedKind`: the kind of a file whose upload Meta has refused. A later attempt may upload it. */
  | { readonly kind: 'address'; readonly url: string; readonly refusedKind?: MediaKind };

type MediaFailure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

const uploadTimeoutMs = 60_000;

/** Failures to fetch after which the address is still of use to the contact: the file is there, and only not passed on by us. */
const linkableCodes = new Set(['media_too_large', 'media_type']);

/**
 * Prepares an attachment: fetches it, decides its kind by its bytes, and uploads it. An upload, unlike a link, is refused at once and with
 * the reason, and needs no right content type of its server. A file that WhatsApp does not take becomes an address in a text.
 *
 * @param isSent an earlier attempt has sent it: its kind alone matters
 * @returns the failure, where the file may be had later or is gone
 */
export async function prepareMedia(
  context: WhatsAppContext,
  url: string,
  isSent: boolean,
): Promise<PreparedMedia | { readonly failure: MediaFailure }> {
  const file = await context.fetchBytes(url);
  if (file.kind !== 'fetched') {
    if (!linkableCodes.has(file.code)) return { failure: file };
    const name = file.code === 'media_too_large' ? findDocumentName(url) : null;
    return name ? { kind: 'document', source: { link: url }, name } : { kind: 'address', url };
  }
  const kind = findMediaKind(file);
  if (!kind) return { kind: 'address', url };
  if (isSent) return { kind, source: { link: url }, name: file.name };
  return uploadMedia(context, file, kind, url);
}

async function uploadMedia(
  context: WhatsAppContext,
  file: FetchedAttachment,
  kind: MediaKind,
  url: string,
): Promise<PreparedMedia | { readonly failure: MediaFailure }> {
  const type = toBareType(file.contentType);
  const form = new FormData();
  form.set('messaging_product', 'whatsapp');
  form.set('type', type);
  form.set('file', new Blob([new Uint8Array(file.data)], { type }), file.name);
  const result = await callGraph(context, {
    method: 'POST',
    path: `${context.connection.config.phoneNumberId}/media`,
    body: form,
    timeoutMs: uploadTimeoutMs,
  });
  const id = result.kind === 'ok' ? readUploadId(result.body) : undefined;
  if (id) return { kind, source: { id }, name: file.name };
  if (result.kind === 'ok') {
    return { failure: { kind: 'unavailable', code: 'no_media_id', message: 'WhatsApp’s response to an upload has no id.' } };
  }
  const failure = toFailure(result, () => 0);
  // An upload sends no message, so that a lost response is no unknown outcome.
  if (failure.kind === 'unknown') return { failure: { ...failure, kind: 'unavailable' } };
  // A contact can still open what Meta's checks have refused.
  return failure.kind === 'rejected' ? { kind: 'address', url, refusedKind: kind } : { failure };
}

/** Builds the content of a media message. */
export function toMediaContent(
  media: Exclude<PreparedMedia, { kind: 'address' }>,
  caption: string | undefined,
): Readonly<Record<string, unknown>> {
  return {
    ...media.source,
    ...(caption !== undefined && canHaveCaption(media.kind) ? { caption } : {}),
    ...(media.kind === 'document' ? { filename: media.name } : {}),
  };
}
