import type { FetchedAttachment } from '../../runtime/fetch-file.ts';
import type { TelegramContext } from './config.ts';
import type { Failure } from './errors.ts';

const megabyte = 1024 * 1024;

/** Largest file that a bot may upload, and largest picture that is shown as one. */
const maxFileBytes = 50 * megabyte;
const maxPhotoBytes = 10 * megabyte;

/** Method that sends a file, and its field for it. */
export interface MediaMethod {
  readonly method: string;
  readonly field: string;
}

export const documentMethod: MediaMethod = { method: 'sendDocument', field: 'document' };

const methods: Readonly<Record<string, MediaMethod>> = {
  'image/jpeg': { method: 'sendPhoto', field: 'photo' },
  'image/png': { method: 'sendPhoto', field: 'photo' },
  'image/gif': { method: 'sendAnimation', field: 'animation' },
  'video/mp4': { method: 'sendVideo', field: 'video' },
  'audio/mpeg': { method: 'sendAudio', field: 'audio' },
  'audio/mp4': { method: 'sendAudio', field: 'audio' },
  'audio/ogg': { method: 'sendVoice', field: 'voice' },
};

/** Finds the method for a file, by its type and size. @returns null for one that is too large */
export function findMethod({ contentType, data }: Pick<FetchedAttachment, 'contentType' | 'data'>): MediaMethod | null {
  if (data.length > maxFileBytes) return null;
  const found = methods[toBareType(contentType)] ?? documentMethod;
  return found.method === 'sendPhoto' && data.length > maxPhotoBytes ? documentMethod : found;
}

/** Removes the parameters of a content type. */
function toBareType(contentType: string): string {
  return (contentType.split(';')[0] ?? '').trim().toLowerCase();
}

/** Attachment as Telegram receives it: an uploaded file, or its address in a text. */
export type PreparedMedia =
  | { readonly kind: 'file'; readonly file: FetchedAttachment; readonly url: string; readonly via: MediaMethod }
  | { readonly kind: 'address'; readonly url: string };

/** Failures to fetch after which the address is still of use to the contact: the file is there, and only not passed on by us. */
const linkableCodes = new Set(['media_too_large', 'media_type']);

/**
 * Fetches an attachment for an upload. An address was rejected: Telegram takes only some types by address, only public ones, and names no
 * clear reason for a refusal.
 *
 * @returns the failure, where the file may be had later or is gone
 */
export async function prepareMedia(
  context: Pick<TelegramContext, 'fetchBytes'>,
  url: string,
): Promise<PreparedMedia | { readonly failure: Failure }> {
  const file = await context.fetchBytes(url);
  if (file.kind !== 'fetched') return linkableCodes.has(file.code) ? { kind: 'address', url } : { failure: file };
  const via = findMethod(file);
  return via ? { kind: 'file', file, url, via } : { kind: 'address', url };
}

/** Builds the form of an upload. */
export function toUploadForm(
  fields: Readonly<Record<string, unknown>>,
  file: FetchedAttachment,
  { field }: MediaMethod,
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    form.set(name, typeof value === 'object' ? JSON.stringify(value) : String(value));
  }
  form.set(field, new Blob([new Uint8Array(file.data)], { type: toBareType(file.contentType) }), file.name);
  return form;
}
