import { rm } from 'node:fs/promises';
import { type AttachmentLinks, hashSecret } from '../attachments/links.ts';
import type { AttachmentStore } from '../attachments/store.ts';
import { type Clock, dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { attachmentDelaysMs, maxMissingFileRetries } from '../core/retry-schedule.ts';
import type { Database, Medium } from '../database/client.ts';
import type { NewJob } from '../queue/job.ts';
import type { FetchFile } from '../runtime/fetch-file.ts';
import type { Message, MessageInHand } from './store.ts';

export interface MediaDeps {
  db: Database;
  clock: Clock;
  newId: NewId;
  fetchFile: FetchFile;
  mediaStore: AttachmentStore;
  mediaLinks: AttachmentLinks;
  /** How long a file is offered. */
  mediaDays: number;
  /** How many bytes of files a location may have kept at a time. */
  maxMediaBytesPerLocation: number;
}

/** A file that we keep. */
export type KeptMedium = Pick<Medium, 'id' | 'secretHash' | 'uploadedUrl'> & {
  name: string;
  contentType: string;
  bytes: number;
};

export interface KeptMedia {
  readonly kept: readonly KeptMedium[];
  /** Why each of the others was left out: completes "it …". */
  readonly leftOut: readonly string[];
}

const dayMs = 24 * 60 * 60 * 1000;

/**
 * Fetches and keeps what came with an inbound message; what is kept is never fetched again. What can't be fetched for good, or not
 * within the schedule, is left out.
 *
 * @throws AppError `media_unreachable`: worth another try; `media_store_unavailable`
 */
export async function keepMedia(deps: MediaDeps, message: MessageInHand, signal: AbortSignal): Promise<KeptMedia> {
  if (message.attachments.length === 0) return { kept: [], leftOut: [] };
  const rows = await rowsOf(deps, message);
  const missing = rows.filter((row) => row.bytes === null && row.problem === null);
  const takeRoom = missing.length > 0 ? await roomOf(deps, message.locationId) : () => true;
  const done = await Promise.all(rows.map((row) => (missing.includes(row) ? keep(deps, message, row, takeRoom, signal) : row)));
  if (done.includes(null)) {
    throw new AppError(
      'media_unreachable',
      'An attachment could not be fetched yet. It is tried again before the message is posted.',
    );
  }
  return toKeptMedia(done as Medium[]);
}

/** Finds what was kept of a message's attachments, and prolongs it. @returns null while some are still to be fetched */
export async function findKeptMedia(deps: MediaDeps, { id, attachments }: MessageInHand): Promise<KeptMedia | null> {
  if (attachments.length === 0) return { kept: [], leftOut: [] };
  const rows = await prolong(deps, id, dateNow(deps.clock));
  const isComplete = rows.length >= attachments.length && rows.every((row) => isKept(row) || row.problem !== null);
  return isComplete ? toKeptMedia(rows) : null;
}

function toKeptMedia(rows: readonly Medium[]): KeptMedia {
  return { kept: rows.filter(isKept), leftOut: rows.flatMap(({ problem }) => problem ?? []) };
}

function isKept(row: Medium): row is Medium & KeptMedium {
  return row.problem === null && row.bytes !== null;
}

/** Fetching what came with an inbound message. */
export function fetchJob({ id, locationId }: Pick<Message, 'id' | 'locationId'>, dueAt: Date): NewJob {
  return { queue: 'fetch', messageId: id, groupKey: `files/${locationId}`, orderingKey: id, priority: 0, dueAt };
}

/** Longer than fetching takes. Its end posts the message at once; only if that were lost would posting look for itself. */
const fetchedWithinMs = 30 * 60 * 1000;

/** When a message is posted whose attachments are still to be fetched, at the latest. */
export function fetchedBy(now: Date): Date {
  return new Date(now.getTime() + fetchedWithinMs);
}

/** A row for each attachment, before there are bytes: so none are ever kept that nobody knows of. */
async function rowsOf(deps: MediaDeps, { id, locationId, attachments }: MessageInHand): Promise<Medium[]> {
  const createdAt = dateNow(deps.clock);
  const known = await prolong(deps, id, createdAt);
  if (known.length >= attachments.length) return known;
  const expiresAt = expiryAfter(deps, createdAt);
  const rows = attachments.map((_, position) => ({
    id: deps.newId(),
    messageId: id,
    locationId,
    position,
    createdAt,
    expiresAt,
  }));
  await deps.db.client.medium.createMany({ data: rows, skipDuplicates: true });
  return deps.db.client.medium.findMany({ where: { messageId: id }, orderBy: { position: 'asc' } });
}

function expiryAfter({ mediaDays }: MediaDeps, now: Date): Date {
  return new Date(now.getTime() + mediaDays * dayMs);
}

async function prolong(deps: MediaDeps, messageId: string, now: Date): Promise<Medium[]> {
  const { medium } = deps.db.client;
  const rows = await medium.updateManyAndReturn({ where: { messageId }, data: { expiresAt: expiryAfter(deps, now) } });
  return rows.sort((a, b) => a.position - b.position);
}

const noRoom = 'does not fit into the location’s storage for files, which is full';

/** Counts what a location has kept. @returns takes room for a file, if there is any; what other messages take meanwhile is not seen */
async function roomOf(deps: MediaDeps, locationId: string): Promise<(bytes: number) => boolean> {
  const { _sum } = await deps.db.client.medium.aggregate({ where: { locationId }, _sum: { bytes: true } });
  let left = deps.maxMediaBytesPerLocation - (_sum.bytes ?? 0);
  return (bytes) => {
    if (left <= 0 || bytes > left) return false;
    left -= bytes;
    return true;
  };
}

/** @returns null when it is worth another try */
async function keep(
  deps: MediaDeps,
  message: MessageInHand,
  { id, position }: Medium,
  takeRoom: (bytes: number) => boolean,
  signal: AbortSignal,
): Promise<Medium | null> {
  const { medium } = deps.db.client;
  const leaveOut = (problem: string) => medium.update({ where: { id }, data: { problem } });
  // Not fetched at all where there is no room: a tenant that sends files without end costs no traffic either.
  if (!takeRoom(0)) return leaveOut(noRoom);
  const file = await deps.fetchFile(message.attachments[position] ?? '', signal);
  if (file.kind !== 'fetched') {
    // A program that stops has interrupted it; that says nothing of the file.
    const isLastTry = message.retryCount >= attachmentDelaysMs.length;
    if (file.kind === 'busy' && (!isLastTry || signal.aborted)) return null;
    if (file.kind === 'missing' && message.retryCount < maxMissingFileRetries) return null;
    return leaveOut(file.reason);
  }
  if (!takeRoom(file.bytes)) {
    await rm(file.path, { force: true });
    return leaveOut(noRoom);
  }
  await deps.mediaStore.put(id, file);
  const { bytes, contentType } = file;
  const name = `${file.name ?? `attachment-${position + 1}`}.${file.extension}`;
  const secretHash = hashSecret(deps.mediaLinks.deriveSecret(id));
  return medium.update({ where: { id }, data: { name, contentType, bytes, secretHash } });
}

/** Where HighLevel finds a kept file. */
export async function linkTo(deps: MediaDeps, { id, name, secretHash }: KeptMedium): Promise<string> {
  const hash = hashSecret(deps.mediaLinks.deriveSecret(id));
  // The key was changed since it was kept.
  if (hash !== secretHash) await deps.db.client.medium.update({ where: { id }, data: { secretHash: hash } });
  return deps.mediaLinks.toUrl(id, name);
}

const deleteAtMost = 500;

/** Deletes files that are not offered any more, or whose message is gone, some at a time. @returns how many are gone */
export async function forgetMedia(deps: Pick<MediaDeps, 'db' | 'clock' | 'mediaStore'>): Promise<number> {
  const now = dateNow(deps.clock);
  const { client } = deps.db;
  // First nobody is given them any more; then the bytes go, and the row last: so a crash leaves no bytes that nobody knows of.
  const rows = await client.$queryRaw<{ id: string }[]>`
    UPDATE media SET bytes = NULL, secret_hash = NULL, expires_at = LEAST(expires_at, ${now}::timestamptz) WHERE id IN (
      SELECT id FROM media WHERE expires_at <= ${now}
        OR NOT EXISTS (SELECT 1 FROM messages WHERE messages.id = media.message_id) LIMIT ${deleteAtMost})
    RETURNING id`;
  for (const { id } of rows) await deps.mediaStore.remove(id);
  await client.medium.deleteMany({ where: { id: { in: rows.map(({ id }) => id) }, bytes: null, expiresAt: { lte: now } } });
  return rows.length;
}
