import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Clock, createDeadline } from '../core/clock.ts';
import { AppError, isAppError } from '../core/errors.ts';
import type { NewId } from '../core/ids.ts';
import { parseFileName } from './file-name.ts';
import { detectFileType, type FileType } from './file-types.ts';
import { type HttpClient, toRequestFailure } from './outbound-http.ts';

export interface FetchFileDeps {
  /** For addresses that come from outside: guarded. */
  http: HttpClient;
  clock: Clock;
  newId: NewId;
  /** Folder of fetched files until the caller takes them. */
  folder: string;
  maxBytes: number;
  /** Returns whether the disk has room for files; below the floor they wait, so that they can't fill the disk of the database. */
  hasRoom: () => Promise<boolean>;
}

/** A fetched file of a known type. The caller moves it away from its path, or removes it. */
export interface FetchedFile extends FileType {
  readonly kind: 'fetched';
  readonly path: string;
  readonly bytes: number;
  /** In hexadecimal. */
  readonly sha256: string;
  /** The sender's name for it, made harmless; null without one. Never taken from the address, which may be a secret. */
  readonly name: string | null;
}

/**
 * Reason for a missing file: permanent, temporary, or not found, which is temporary where its sender has announced it too early. `reason`
 * completes "it was left out: it …", and never holds the address.
 */
export type FetchFailure = {
  readonly kind: 'rejected' | 'unavailable' | 'missing';
  readonly code: string;
  readonly reason: string;
};

export type FetchFile = (
  url: string,
  signal?: AbortSignal,
  headers?: Readonly<Record<string, string>>,
  /** Content type that was named elsewhere, for a server that names none. */
  knownType?: string,
) => Promise<FetchedFile | FetchFailure>;

export function createFullDiskError(): AppError {
  return new AppError('attachment_store_unavailable', 'Files can’t be fetched at present: the disk is nearly full.');
}

const maxRedirects = 3;
export const fileTimeoutMs = 30_000;

/**
 * Creates the fetcher of files from addresses that come from outside: guarded at every redirect, within limits of size, time and type,
 * straight to disk. Failures of the other side are results, not exceptions. Headers, which may hold credentials, go to the origin of the
 * first address only. A `data:` address in base64 is stored under the same limits.
 *
 * @throws AppError `attachment_store_unavailable`: our own disk fails or is nearly full
 */
export function createFileFetcher(deps: FetchFileDeps): FetchFile {
  return async (url, signal, headers, knownType) => {
    if (!(await deps.hasRoom())) throw createFullDiskError();
    const deadline = createDeadline(deps.clock, fileTimeoutMs, signal);
    try {
      return await fetchFile(deps, url, deadline.signal, headers, knownType);
    } finally {
      deadline.dispose();
    }
  };
}

async function fetchFile(
  deps: FetchFileDeps,
  first: string,
  signal: AbortSignal,
  credentials: Readonly<Record<string, string>> = {},
  knownType?: string,
): Promise<FetchedFile | FetchFailure> {
  if (first.startsWith('data:')) return saveFile(deps, toDataResponse(first), signal);
  let url = first;
  for (let redirects = 0; redirects <= maxRedirects; redirects++) {
    const response = await requestFile(deps, url, signal, isSameOrigin(url, first) ? credentials : {});
    if ('kind' in response) return response;
    const { status, headers, data } = response;
    if (status >= 200 && status < 300) {
      const isNamed = !/^(application|binary)\/octet-stream\b/i.test(headers['content-type'] ?? 'application/octet-stream');
      const type = isNamed || knownType === undefined ? {} : { 'content-type': knownType };
      return saveFile(deps, { data, headers: { ...headers, ...type } }, signal);
    }
    data.destroy();
    const next = status >= 300 && status < 400 && headers.location ? toWebUrl(headers.location, url) : null;
    if (!next) return toFetchFailure(status);
    url = next;
  }
  return createRejection('media_gone', 'could not be fetched (too many redirects)');
}

/** Temporary 4xx statuses. */
const retryableStatuses = new Set([408, 425, 429]);
/** A vendor's webhook often comes before its file is there, or before the address is valid. */
const earlyStatuses = new Set([403, 404, 409, 423]);

function toFetchFailure(status: number): FetchFailure {
  if (status >= 500 || retryableStatuses.has(status)) return createUnavailable();
  return {
    kind: earlyStatuses.has(status) ? 'missing' : 'rejected',
    code: 'media_gone',
    reason: `could not be fetched (${status})`,
  };
}

interface FileResponse {
  status: number;
  headers: Partial<Record<string, string>>;
  data: Readable;
}

/** Decodes a `data:` address: bytes that a vendor's API returns inside of JSON take the same way as those of a download. */
function toDataResponse(url: string): FileResponse {
  const comma = url.indexOf(',');
  const type = url.slice('data:'.length, comma < 0 ? url.length : comma).replace(/;base64$/, '');
  const data = Readable.from([Buffer.from(comma < 0 ? '' : url.slice(comma + 1), 'base64')]);
  return { status: 200, headers: { 'content-type': type }, data };
}

function isSameOrigin(url: string, first: string): boolean {
  return url === first || (URL.canParse(url) && URL.canParse(first) && new URL(url).origin === new URL(first).origin);
}

async function requestFile(
  deps: FetchFileDeps,
  url: string,
  signal: AbortSignal,
  credentials: Readonly<Record<string, string>>,
): Promise<FileResponse | FetchFailure> {
  try {
    const { status, headers, data } = await deps.http.get(url, {
      responseType: 'stream',
      // Counted below, where the limit is a result and not a failure.
      maxContentLength: -1,
      timeout: fileTimeoutMs,
      headers: { ...credentials },
      signal,
    });
    return { status, headers: headers as FileResponse['headers'], data };
  } catch (error) {
    const failure = toRequestFailure(error);
    return 'isPrivateAddress' in failure
      ? createRejection('media_forbidden', 'is not at a public address')
      : createUnavailable();
  }
}

class TooLarge extends Error {}

/** Writes a file to disk, within the limits. */
export async function saveFile(
  deps: Omit<FetchFileDeps, 'http'>,
  response: Pick<FileResponse, 'headers' | 'data'>,
  signal: AbortSignal,
): Promise<FetchedFile | FetchFailure> {
  const { headers, data } = response;
  const path = join(deps.folder, deps.newId());
  const hash = createHash('sha256');
  let bytes = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      hash.update(chunk);
      done(bytes > deps.maxBytes ? new TooLarge() : null, chunk);
    },
  });
  const discard = async (failure: FetchFailure): Promise<FetchFailure> => {
    await rm(path, { force: true });
    return failure;
  };

  try {
    await mkdir(deps.folder, { recursive: true });
    if (Number(headers['content-length']) > deps.maxBytes) throw new TooLarge();
    await pipeline(data, counted, createWriteStream(path), { signal });
  } catch (error) {
    data.destroy();
    if (diskErrors.has((error as NodeJS.ErrnoException).code ?? '')) throw createStoreError(error);
    return discard(
      error instanceof TooLarge
        ? createRejection('media_too_large', `is larger than ${formatMegabytes(deps.maxBytes)}`)
        : createUnavailable(),
    );
  }
  if (bytes === 0) return discard(createRejection('media_empty', 'is empty'));
  const type = await detectFileType(path, headers['content-type'] ?? '');
  if (!type) return discard(createRejection('media_type', 'is of a type that is not passed on'));
  return {
    kind: 'fetched',
    path,
    bytes,
    sha256: hash.digest('hex'),
    name: parseFileName(headers['content-disposition']),
    ...type,
  };
}

/** Errors of our own disk, not of the connection. */
const diskErrors = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM', 'EIO', 'ENOENT', 'ENOTDIR', 'EEXIST', 'EMFILE']);

function createStoreError(cause: unknown): AppError {
  return new AppError('attachment_store_unavailable', 'Files can’t be fetched at present: the folder for them does not work.', {
    cause,
  });
}

function toWebUrl(location: string, base: string): string | null {
  if (!URL.canParse(location, base)) return null;
  const url = new URL(location, base);
  return url.protocol === 'http:' || url.protocol === 'https:' ? url.href : null;
}

function createRejection(code: string, reason: string): FetchFailure {
  return { kind: 'rejected', code, reason };
}

function createUnavailable(): FetchFailure {
  return { kind: 'unavailable', code: 'attachment_unreachable', reason: 'could not be fetched' };
}

function formatMegabytes(bytes: number): string {
  return `${Math.round((bytes / 1024 / 1024) * 10) / 10} MB`;
}

/** A fetched file in memory, for channels that send its bytes. */
export interface FetchedAttachment extends FileType {
  readonly kind: 'fetched';
  readonly data: Buffer;
  readonly name: string;
}

/** Fetches a file into memory. A failure has the form of a send's outcome, so that a channel can return it. */
export async function fetchAttachment(
  fetch: FetchFile,
  url: string,
  signal?: AbortSignal,
): Promise<FetchedAttachment | { kind: 'rejected' | 'unavailable'; code: string; message: string }> {
  const file = await fetch(url, signal).catch(toUnavailable);
  if (file.kind !== 'fetched') {
    const kind = file.kind === 'unavailable' ? 'unavailable' : 'rejected';
    return { kind, code: file.code, message: `An attachment could not be sent: it ${file.reason}.` };
  }
  try {
    const { contentType, extension } = file;
    const name = `${file.name ?? 'attachment'}.${extension}`;
    return { kind: 'fetched', data: await readFile(file.path), contentType, extension, name };
  } finally {
    await rm(file.path, { force: true });
  }
}

/** A failure on our side is temporary, and no reason to fail a message. */
function toUnavailable(error: unknown): FetchFailure {
  if (!isAppError(error)) throw error;
  return { kind: 'unavailable', code: error.code, reason: 'could not be stored here for the moment' };
}
