import { buffer } from 'node:stream/consumers';
import type { AttachmentStore } from '../../attachments/store.ts';
import { type AppError, isAppError } from '../../core/errors.ts';
import type { Database } from '../../database/client.ts';
import { findResponse, type HighLevel } from '../../highlevel/client.ts';
import { canBeUploaded, maxUploadBytes, uploadFile } from '../../highlevel/uploads.ts';
import type { StoredAttachment, StoredAttachments } from './store-attachments.ts';

export interface PublishDeps {
  db: Database;
  attachmentStore: Pick<AttachmentStore, 'read'>;
  /** HighLevel gets a URL of ours, or a URL of its own after an upload. */
  attachmentDelivery: 'link' | 'upload';
  getAttachmentUrl(file: StoredAttachment): Promise<string>;
}

/** Attachments of a message as HighLevel gets them. */
export interface PublishedAttachments {
  readonly attachments: readonly string[];
  /** A sentence for each attachment that was left out. */
  readonly notes: readonly string[];
}

/** Returns the URLs under which HighLevel gets the stored files. @throws AppError as the client */
export async function publishAttachments(
  deps: PublishDeps,
  highLevel: HighLevel,
  owner: { locationId: string; contactId: string },
  { stored, skipped }: StoredAttachments,
): Promise<PublishedAttachments> {
  const attachments: string[] = [];
  const problems = [...skipped];
  for (const file of stored) {
    const result =
      deps.attachmentDelivery === 'link'
        ? { url: await deps.getAttachmentUrl(file) }
        : await upload(deps, highLevel, owner, file);
    if ('url' in result) attachments.push(result.url);
    else problems.push(result.problem);
  }
  return { attachments, notes: problems.map((problem) => `[An attachment was left out: it ${problem}.]`) };
}

/** Uploads one file in a call of its own, so that a rejection is of this file. */
async function upload(
  deps: PublishDeps,
  highLevel: HighLevel,
  { locationId, contactId }: { locationId: string; contactId: string },
  { id, name, contentType, sizeBytes, uploadedUrl }: StoredAttachment,
): Promise<{ url: string } | { problem: string }> {
  if (uploadedUrl) return { url: uploadedUrl };
  if (sizeBytes > maxUploadBytes) return { problem: 'is larger than 5 MB' };
  if (!canBeUploaded(name)) return { problem: 'is of a type that is not passed on' };
  const content = await deps.attachmentStore.read(id);
  if (!content) return { problem: 'is not there any more' };
  const data = await buffer(content);
  try {
    const url = await uploadFile(highLevel, { locationId, contactId, name, contentType, data });
    await deps.db.client.attachment.update({ where: { id }, data: { uploadedUrl: url } });
    return { url };
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused') || !isFileError(error)) throw error;
    return { problem: 'was not taken by the CRM' };
  }
}

/** Returns true for a rejection of the file, which need not hold back the text. An error of the contact is one of the whole message. */
function isFileError(error: AppError): boolean {
  const status = findResponse(error)?.status ?? 0;
  return (
    [400, 413, 415, 422].includes(status) && !error.details.some((detail) => /contact|conversation|location/i.test(detail))
  );
}

/** Appends the notes to a message, so that its reader knows of the attachments that are missing. */
export function appendNotes<M extends { text: string | null; html: string | null }>(message: M, notes: readonly string[]): M {
  if (notes.length === 0) return message;
  const text = [message.text, ...notes].filter(Boolean).join('\n');
  const html = message.html && [message.html, ...notes.map((note) => `<p>${note}</p>`)].join('\n');
  return { ...message, text, html };
}
