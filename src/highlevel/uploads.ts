import { AppError } from '../core/errors.ts';
import { readAttachments } from '../core/foreign.ts';
import { type HighLevel, toLocationOwner } from './client.ts';

export interface Upload {
  locationId: string;
  contactId: string;
  name: string;
  contentType: string;
  data: Buffer<ArrayBuffer>;
}

/** Largest file that HighLevel accepts (platform.md 6.2). */
export const maxUploadBytes = 5 * 1024 * 1024;

/** Extensions that HighLevel accepts as an upload, of those that the app passes on (platform.md 6.2). */
const uploadableExtensions = new Set(
  'jpg png gif heic mp4 mpeg 3gp mp3 wav aiff ogg aac m4a amr pdf doc docx txt csv xls xlsx ppt pptx odt vcf ics'.split(' '),
);

export function canBeUploaded(name: string): boolean {
  return uploadableExtensions.has(name.split('.').at(-1) ?? '');
}

/** Uploads one file to a contact's conversation. @returns its address. @throws AppError as the client */
export async function uploadFile(highLevel: HighLevel, upload: Upload): Promise<string> {
  const form = new FormData();
  form.set('contactId', upload.contactId);
  form.set('locationId', upload.locationId);
  form.set('fileAttachment', new Blob([upload.data], { type: upload.contentType }), upload.name);
  const response = await highLevel({ operation: 'uploadFile', owner: toLocationOwner(upload.locationId), form });
  const { uploadedFiles } = response.body;
  // The addresses come by name, or as a list.
  const isByName = typeof uploadedFiles === 'object' && uploadedFiles !== null;
  const [url] = readAttachments(isByName ? Object.values(uploadedFiles) : uploadedFiles).urls;
  if (url) return url;
  throw new AppError('highlevel_no_message_id', 'The CRM’s response to an upload has no address.');
}
