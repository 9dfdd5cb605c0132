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
  fetchFile: FetchFile;
  attachmentStore: AttachmentStore;
  attachmentLinks: AttachmentLinks;
  /** How long a file is offered. */
  attachmentRetentionDays: number;
  /** How many bytes of files a location may have kept at a time. */
  maxAttachmentBytesPerLocation: number;
}

/** A file that we keep. */
export type StoredAttachment = Pick<Attachment, 'id' | 'secretHash' | 'uploadedUrl'> & {
  name: string;
  contentType: string;
  sizeBytes: number;
};

export interface StoredAttachments {
  readonly stored: readonly StoredAttachment[];
  /** Why each of the others was left out: completes "it …". */
  readonly skipped: readonly string[];
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Fetches and keeps what came with an inbound message; what is kept is never fetched again. What can't be fetched for good, or not
 * within the schedule, is left out.
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

/** Finds what was kept of a message's attachments, and prolongs it. @returns null while some are still to be fetched */
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

/** Fetching what came with an inbound message. */
export function toFetchJob({ id, locationId }: Pick<Message, 'id' | 'locationId'>, dueAt: Date): NewJob {
  return { queue: 'fetch', messageId: id, groupKey: `files/${locationId}`, orderingKey: id, priority: 0, dueAt };
}

/** Longer than fetching takes. Its end posts the message at once; only if that were lost would posting look for itself. */
const fetchTimeoutMs = 30 * 60 * 1000;

/** When a message is posted whose attachments are still to be fetched, at the latest. */
export function getFetchDeadline(now: Date): Date {
  return new Date(now.getTime() + fetchTimeoutMs);
}

/** A row for each attachment, before there are bytes: so none are ever kept that nobody knows of. */
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

/** Counts what a location has kept. @returns takes room for a file, if there is any; what other messages take meanwhile is not seen */
async function createQuotaCheck(deps: AttachmentDeps, locationId: string): Promise<(bytes: number) => boolean> {
  const { _sum } = await deps.db.client.attachment.aggregate({ where: { locationId }, _sum: { sizeBytes: true } });
  let remainingBytes = deps.maxAttachmentBytesPerLocation - (_sum.sizeBytes ?? 0);
  return (bytes) => {
    if (remainingBytes <= 0 || bytes > remainingBytes) return false;
    remainingBytes -= bytes;
    return true;
  };
}

/** @returns null when it is worth another try */
async function storeAttachment(
  deps: AttachmentDeps,
  message: WorkMessage,
  { id, position }: Attachment,
  reserveBytes: (bytes: number) => boolean,
  signal: AbortSignal,
): Promise<Attachment | null> {
  const { attachment } = deps.db.client;
  const skip = (problem: string) => attachment.update({ where: { id }, data: { skipReason: problem } });
  // Not fetched at all where there is no room: a tenant that sends files without end costs no traffic either.
  if (!reserveBytes(0)) return skip(storageFull);
  const file = await deps.fetchFile(message.attachments[position] ?? '', signal);
  if (file.kind !== 'fetched') {
    // A program that stops has interrupted it; that says nothing of the file.
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

/** Where HighLevel finds a kept file. */
export async function getAttachmentUrl(deps: AttachmentDeps, { id, name, secretHash }: StoredAttachment): Promise<string> {
  const hash = hashSecret(deps.attachmentLinks.deriveSecret(id));
  // The key was changed since it was kept.
  if (hash !== secretHash) await deps.db.client.attachment.update({ where: { id }, data: { secretHash: hash } });
  return deps.attachmentLinks.toUrl(id, name);
}

const maxDeletedAtOnce = 500;

/** Deletes files that are not offered any more, or whose message is gone, some at a time. @returns how many are gone */
export async function purgeAttachments(deps: Pick<AttachmentDeps, 'db' | 'clock' | 'attachmentStore'>): Promise<number> {
  const now = dateNow(deps.clock);
  const { client } = deps.db;
  // First nobody is given them any more; then the bytes go, and the row last: so a crash leaves no bytes that nobody knows of.
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
