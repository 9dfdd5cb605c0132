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

/** The most that HighLevel takes of one file (platform.md 6.2). */
export const maxUploadBytes = 5 * 1024 * 1024;

/** Of what we pass on, what HighLevel takes as an upload, by extension (platform.md 6.2). */
const uploadableExtensions = new Set(
  'jpg png gif heic mp4 mpeg 3gp mp3 wav aiff ogg aac m4a amr pdf doc docx txt csv xls xlsx ppt pptx odt vcf ics'.split(' '),
);

export function canBeUploaded(name: string): boolean {
  return uploadableExtensions.has(name.split('.').at(-1) ?? '');
}

/** Hands HighLevel one file of a contact's conversation. @returns where it keeps it. @throws AppError as the client */
export async function uploadFile(highLevel: HighLevel, upload: Upload): Promise<string> {
  const form = new FormData();
  form.set('contactId', upload.contactId);
  form.set('locationId', upload.locationId);
  form.set('fileAttachment', new Blob([upload.data], { type: upload.contentType }), upload.name);
  const response = await highLevel({ operation: 'uploadFile', owner: toLocationOwner(upload.locationId), form });
  const { uploadedFiles } = response.body;
  // By name, or as a list.
  const isByName = typeof uploadedFiles === 'object' && uploadedFiles !== null;
  const [url] = readAttachments(isByName ? Object.values(uploadedFiles) : uploadedFiles).urls;
  if (url) return url;
  throw new AppError('highlevel_no_message_id', 'The CRM answered an upload without an address.');
}
