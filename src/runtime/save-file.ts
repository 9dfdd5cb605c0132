import type { Readable } from 'node:stream';
import { createDeadline } from '../core/clock.ts';
import {
  createFullDiskError,
  type FetchedFile,
  type FetchFailure,
  type FetchFileDeps,
  fileTimeoutMs,
  saveFile,
} from './fetch-file.ts';

/** A file that came by another way than HTTP. */
export interface ReceivedFile {
  readonly data: Readable;
  readonly contentType: string;
  /** Its sender's name for it. */
  readonly name?: string | undefined;
}

export type SaveFile = (file: ReceivedFile, signal?: AbortSignal) => Promise<FetchedFile | FetchFailure>;

/**
 * Creates the writer of files that came by another way than HTTP, within the limits of fetched ones.
 *
 * @throws AppError `attachment_store_unavailable`
 */
export function createFileSaver(deps: Omit<FetchFileDeps, 'http'>): SaveFile {
  return async ({ data, contentType, name }, signal) => {
    if (!(await deps.hasRoom())) throw createFullDiskError();
    const deadline = createDeadline(deps.clock, fileTimeoutMs, signal);
    const disposition =
      name === undefined ? {} : { 'content-disposition': `filename*=UTF-8''${encodeURIComponent(name.toWellFormed())}` };
    try {
      return await saveFile(deps, { headers: { 'content-type': contentType, ...disposition }, data }, deadline.signal);
    } finally {
      deadline.dispose();
    }
  };
}
