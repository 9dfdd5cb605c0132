import type { ChannelContext, SendOutcome } from '../channel.ts';

/** Kind of message as which a file is sent. */
export type MediaKind = 'image' | 'video' | 'audio' | 'document';

/** A file as a server receives it, or an address in a text where the file is not passed on. */
export type PreparedMedia =
  | {
      readonly kind: MediaKind;
      readonly contentType: string;
      readonly name: string;
      readonly base64: string;
    }
  | { readonly kind: 'address'; readonly url: string };

type MediaFailure = Exclude<SendOutcome, { kind: 'accepted' | 'delivered' }>;

/** Failures to fetch after which the address is still of use to the contact: the file is there, and only not passed on by us. */
const linkableCodes = new Set(['media_too_large', 'media_type']);

/**
 * Prepares an attachment: its bytes go to the server, as the server may be unable to reach its address, and would then fail in a way that
 * leaves the outcome open.
 */
export async function prepareMedia(
  context: Pick<ChannelContext<object>, 'fetchBytes'>,
  url: string,
): Promise<PreparedMedia | { readonly failure: MediaFailure }> {
  const file = await context.fetchBytes(url);
  if (file.kind !== 'fetched') return linkableCodes.has(file.code) ? { kind: 'address', url } : { failure: file };
  const { contentType, name, data } = file;
  return { kind: findMediaKind(contentType), contentType, name, base64: data.toString('base64') };
}

const images = new Set(['image/jpeg', 'image/png']);
const videos = new Set(['video/mp4', 'video/3gpp']);

/** Finds the kind as which a file is sent. Pictures and films that WhatsApp does not show are documents. */
export function findMediaKind(contentType: string): MediaKind {
  const type = (contentType.split(';')[0] ?? '').trim().toLowerCase();
  if (images.has(type)) return 'image';
  if (videos.has(type)) return 'video';
  return type.startsWith('audio/') ? 'audio' : 'document';
}
