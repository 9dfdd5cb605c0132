import type { Readable } from 'node:stream';

/** Storage of attachments' bytes. Any process may read a file that another has stored; storing and removing are idempotent. */
export interface AttachmentStore {
  /**
   * Moves the file at `path` into the store; afterwards it is gone from there, even on failure.
   *
   * @throws AppError `attachment_store_unavailable`
   */
  put(id: string, file: StoredFile): Promise<void>;
  /**
   * Reads a file.
   *
   * @param range the first and the last byte
   * @returns null when there is no such file
   * @throws AppError `attachment_store_unavailable`
   */
  read(id: string, range?: { start: number; end: number }): Promise<Readable | null>;
  remove(id: string): Promise<void>;
}

export interface StoredFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly contentType: string;
}
