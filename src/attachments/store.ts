import type { Readable } from 'node:stream';

/** Where the bytes of kept files are. Any process may read what another has put; putting and removing again change nothing. */
export interface AttachmentStore {
  /** Takes the file at `path`; it is gone from there afterwards, come what may. @throws AppError `attachment_store_unavailable` */
  put(id: string, file: StoredFile): Promise<void>;
  /** @param range the first and the last byte. @returns null when there is no such file. @throws AppError `attachment_store_unavailable` */
  read(id: string, range?: { start: number; end: number }): Promise<Readable | null>;
  remove(id: string): Promise<void>;
}

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
}
