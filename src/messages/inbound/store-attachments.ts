import { rm } from 'node:fs/promises';
import { type AttachmentLinks, hashSecret } from '../../attachments/links.ts';
import type { AttachmentStore } from '../../attachments/store.ts';
import { type Clock, dateNow } from '../../core/clock.ts';
import { AppError } from '../../core/errors.ts';
import type { NewId } from '../../core/ids.ts';
import { attachmentDelaysMs, maxMissingFileRetries } from '../../core/retry-schedule.ts';
import type { Attachment, Database } from '../../database/client.ts';
import type { NewJob } from '../../queue/job.ts';
import type { FetchFile } from '../../runtime/fetch-file.ts';
import type { Message, WorkMessage } from '../model/message.ts';

export interface AttachmentDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  /** Fetches a file from its address, or through the channel that the message came over. */
  fetchInboundFile(message: Pick<WorkMessage, 'connectionId'>, attachment: string, signal: AbortSignal): ReturnType<FetchFile>;
  attachmentStore: AttachmentStore;
  attachmentLinks: AttachmentLinks;
  /** Retention of a stored file. */
  attachmentRetentionDays: number;
  /** Quota of a location's stored files. */
  maxAttachmentBytesPerLocation: number;
}

/** A stored file. */
export type StoredAttachment = Pick<Attachment, 'id' | 'secretHash' | 'uploadedUrl'> & {
  name: string;
  contentType: string;
  sizeBytes: number;
};

export interface StoredAttachments {
  readonly stored: readonly StoredAttachment[];
  /** The reason for each attachment that was skipped: completes "it …". */
  readonly skipped: readonly string[];
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Fetches and stores the attachments of an inbound message. A stored file is never fetched again. A file that can't be fetched at all, or
 * not within the retry schedule, is skipped.
 *
 * @throws AppError `attachment_unreachable`: worth another try; `attachment_store_unavailable`
 */
export async function storeAttachments(
  deps: AttachmentDeps,
  message: WorkMessage,
  signal: AbortSignal,
): Promise<StoredAttachments> {
  if (message.attachments.length === 0) return { stored: [], skipped: [] };
  const rows = await findOrCreateRows(deps, message);
  const pending = rows.filter((row) => row.sizeBytes === null && row.skipReason === null);
  const reserveBytes = pending.length > 0 ? await createQuotaCheck(deps, message.locationId) : () => true;
  const results = await Promise.all(
    rows.map((row) => (pending.includes(row) ? storeAttachment(deps, message, row, reserveBytes, signal) : row)),
  );
  if (results.includes(null)) {
    throw new AppError(
      'attachment_unreachable',
      'An attachment could not be fetched yet. It is tried again before the message is posted.',
    );
  }
  return toStoredAttachments(results as Attachment[]);
}

/** Finds a message's stored attachments and extends their retention. @returns null while some are still to be fetched */
export async function findStoredAttachments(
  deps: AttachmentDeps,
  { id, attachments }: WorkMessage,
): Promise<StoredAttachments | null> {
  if (attachments.length === 0) return { stored: [], skipped: [] };
  const rows = await extendExpiry(deps, id, dateNow(deps.clock));
  const isComplete = rows.length >= attachments.length && rows.every((row) => isStored(row) || row.skipReason !== null);
  return isComplete ? toStoredAttachments(rows) : null;
}

function toStoredAttachments(rows: readonly Attachment[]): StoredAttachments {
  return { stored: rows.filter(isStored), skipped: rows.flatMap(({ skipReason: problem }) => problem ?? []) };
}

function isStored(row: Attachment): row is Attachment & StoredAttachment {
  return row.skipReason === null && row.sizeBytes !== null;
}

/** Builds the job that fetches the attachments of an inbound message. */
export function toFetchJob({ id, locationId }: Pick<Message, 'id' | 'locationId'>, dueAt: Date): NewJob {
  return { queue: 'fetch', messageId: id, groupKey: `files/${locationId}`, orderingKey: id, priority: 0, dueAt };
}

/** Longer than fetching takes. The fetch job releases the post at its end; this is the fallback in case that is lost. */
const fetchTimeoutMs = 30 * 60 * 1000;

/** Returns the latest time at which a message is posted whose attachments are still to be fetched. */
export function getFetchDeadline(now: Date): Date {
  return new Date(now.getTime() + fetchTimeoutMs);
}

/** Creates a row for each attachment before its bytes are stored, so that a crash leaves no file without a row. */
async function findOrCreateRows(deps: AttachmentDeps, { id, locationId, attachments }: WorkMessage): Promise<Attachment[]> {
  const createdAt = dateNow(deps.clock);
  const existing = await extendExpiry(deps, id, createdAt);
  if (existing.length >= attachments.length) return existing;
  const expiresAt = computeExpiresAt(deps, createdAt);
  const rows = attachments.map((_, position) => ({
    id: deps.newId(),
    messageId: id,
    locationId,
    position,
    createdAt,
    expiresAt,
  }));
  await deps.db.client.attachment.createMany({ data: rows, skipDuplicates: true });
  return deps.db.client.attachment.findMany({ where: { messageId: id }, orderBy: { position: 'asc' } });
}

function computeExpiresAt({ attachmentRetentionDays }: AttachmentDeps, now: Date): Date {
  return new Date(now.getTime() + attachmentRetentionDays * dayMs);
}

async function extendExpiry(deps: AttachmentDeps, messageId: string, now: Date): Promise<Attachment[]> {
  const { attachment } = deps.db.client;
  const rows = await attachment.updateManyAndReturn({ where: { messageId }, data: { expiresAt: computeExpiresAt(deps, now) } });
  return rows.sort((a, b) => a.position - b.position);
}

const storageFull = 'does not fit into the location’s storage for files, which is full';

/** Measures a location's stored files. @returns reserves room for a file, if there is any; concurrent messages are not counted */
async function createQuotaCheck(deps: AttachmentDeps, locationId: string): Promise<(bytes: number) => boolean> {
  const { _sum } = await deps.db.client.attachment.aggregate({ where: { locationId }, _sum: { sizeBytes: true } });
  let remainingBytes = deps.maxAttachmentBytesPerLocation - (_sum.sizeBytes ?? 0);
  return (bytes) => {
    if (remainingBytes <= 0 || bytes > remainingBytes) return false;
    remainingBytes -= bytes;
    return true;
  };
}

/** Fetches and stores one attachment. @returns null when it is worth another try */
async function storeAttachment(
  deps: AttachmentDeps,
  message: WorkMessage,
  { id, position }: Attachment,
  reserveBytes: (bytes: number) => boolean,
  signal: AbortSignal,
): Promise<Attachment | null> {
  const { attachment } = deps.db.client;
  const skip = (skipReason: string) => attachment.update({ where: { id }, data: { skipReason } });
  // Without room it is not fetched at all: a tenant that sends files without end then costs no traffic either.
  if (!reserveBytes(0)) return skip(storageFull);
  const file = await deps.fetchInboundFile(message, message.attachments[position] ?? '', signal);
  if (file.kind !== 'fetched') {
    // A shutdown has interrupted the download, which is no fault of the file.
    const isLastTry = message.retryCount >= attachmentDelaysMs.length;
    if (file.kind === 'unavailable' && (!isLastTry || signal.aborted)) return null;
    if (file.kind === 'missing' && message.retryCount < maxMissingFileRetries) return null;
    return skip(file.reason);
  }
  if (!reserveBytes(file.bytes)) {
    await rm(file.path, { force: true });
    return skip(storageFull);
  }
  await deps.attachmentStore.put(id, file);
  const { bytes, contentType } = file;
  const name = `${file.name ?? `attachment-${position + 1}`}.${file.extension}`;
  const secretHash = hashSecret(deps.attachmentLinks.deriveSecret(id));
  return attachment.update({ where: { id }, data: { name, contentType, sizeBytes: bytes, secretHash } });
}

/** Returns the URL under which HighLevel fetches a stored file. */
export async function getAttachmentUrl(deps: AttachmentDeps, { id, name, secretHash }: StoredAttachment): Promise<string> {
  const hash = hashSecret(deps.attachmentLinks.deriveSecret(id));
  // The key has changed since the file was stored.
  if (hash !== secretHash) await deps.db.client.attachment.update({ where: { id }, data: { secretHash: hash } });
  return deps.attachmentLinks.toUrl(id, name);
}

const maxDeletedAtOnce = 500;

/** Deletes a batch of files whose retention is over or whose message is deleted. @returns the number deleted */
export async function purgeAttachments(deps: Pick<AttachmentDeps, 'db' | 'clock' | 'attachmentStore'>): Promise<number> {
  const now = dateNow(deps.clock);
  const { client } = deps.db;
  // Links stop working first, then the bytes are removed, the rows last: so a crash leaves no file without a row.
  const rows = await client.$queryRaw<{ id: string }[]>`
    UPDATE attachments SET size_bytes = NULL, secret_hash = NULL, expires_at = LEAST(expires_at, ${now}::timestamptz) WHERE id IN (
      SELECT id FROM attachments WHERE expires_at <= ${now}
        OR NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = attachments.message_id) LIMIT ${maxDeletedAtOnce})
    RETURNING id`;
  for (const { id } of rows) await deps.attachmentStore.remove(id);
  await client.attachment.deleteMany({
    where: { id: { in: rows.map(({ id }) => id) }, sizeBytes: null, expiresAt: { lte: now } },
  });
  return rows.length;
}
