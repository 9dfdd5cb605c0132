import { buffer } from 'node:stream/consumers';
import { type AppError, isAppError } from '../../core/errors.ts';
import { findResponse, type HighLevel, toLocationOwner } from '../../highlevel/client.ts';
import { toHighLevelGroupKey } from '../../highlevel/group-keys.ts';
import { highLevelRateLimit } from '../../highlevel/rate-limit.ts';
import { canBeUploaded, maxUploadBytes, uploadFile } from '../../highlevel/uploads.ts';
import { consume } from '../../queue/rate-limits.ts';
import { type AttachmentDeps, getAttachmentUrl, type StoredAttachment, type StoredAttachments } from './store-attachments.ts';

export interface PublishDeps extends AttachmentDeps {
  highLevel: HighLevel;
  /** An address of ours, or HighLevel's own after an upload. */
  attachmentDelivery: 'link' | 'upload';
}

/** What HighLevel is told of a message's attachments. */
export interface PublishedAttachments {
  readonly attachments: readonly string[];
  /** Sentences about what was left out. */
  readonly notes: readonly string[];
}

/** Gives every kept file the address that HighLevel gets. @throws AppError as the client */
export async function publishAttachments(
  deps: PublishDeps,
  owner: { locationId: string; contactId: string },
  { stored, skipped }: StoredAttachments,
): Promise<PublishedAttachments> {
  const attachments: string[] = [];
  const problems = [...skipped];
  for (const file of stored) {
    const result =
      deps.attachmentDelivery === 'link' ? { url: await getAttachmentUrl(deps, file) } : await upload(deps, owner, file);
    if ('url' in result) attachments.push(result.url);
    else problems.push(result.problem);
  }
  return { attachments, notes: problems.map((problem) => `[An attachment was left out: it ${problem}.]`) };
}

/** One file a call, so that a refusal says which one it means. */
async function upload(
  deps: PublishDeps,
  { locationId, contactId }: { locationId: string; contactId: string },
  { id, name, contentType, sizeBytes, uploadedUrl }: StoredAttachment,
): Promise<{ url: string } | { problem: string }> {
  if (uploadedUrl) return { url: uploadedUrl };
  if (sizeBytes > maxUploadBytes) return { problem: 'is larger than 5 MB' };
  if (!canBeUploaded(name)) return { problem: 'is of a type that is not passed on' };
  const stored = await deps.attachmentStore.read(id);
  if (!stored) return { problem: 'is not there any more' };
  const data = await buffer(stored);
  await consume(deps, toHighLevelGroupKey(toLocationOwner(locationId)), highLevelRateLimit, 1);
  try {
    const url = await uploadFile(deps.highLevel, { locationId, contactId, name, contentType, data });
    await deps.db.client.attachment.update({ where: { id }, data: { uploadedUrl: url } });
    return { url };
  } catch (error) {
    if (!isAppError(error, 'highlevel_refused') || !isFileError(error)) throw error;
    return { problem: 'was not taken by the CRM' };
  }
}

/** A refusal that is the file's own: the text need not wait for it. What is wrong with the contact is for the whole message. */
function isFileError(error: AppError): boolean {
  const status = findResponse(error)?.status ?? 0;
  return (
    [400, 413, 415, 422].includes(status) && !error.details.some((detail) => /contact|conversation|location/i.test(detail))
  );
}

/** A message with the notes at its end: whoever reads it should know that something is missing. */
export function appendNotes<M extends { text: string | null; html: string | null }>(message: M, notes: readonly string[]): M {
  if (notes.length === 0) return message;
  const text = [message.text, ...notes].filter(Boolean).join('\n');
  const html = message.html && [message.html, ...notes.map((note) => `<p>${note}</p>`)].join('\n');
  return { ...message, text, html };
}
