import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/** A file that is sent as it is read. */
export interface DownloadFile {
  readonly fileName: string;
  readonly type: 'text/csv' | 'application/json';
  readonly parts: AsyncIterable<string>;
}

/** Sends a file in parts, as fast as the caller takes them. An error after the first part ends the connection, so that no file looks whole. */
export async function sendDownload(response: Response, { fileName, type, parts }: DownloadFile): Promise<void> {
  const iterator = parts[Symbol.asyncIterator]();
  // Errors of the first query become a normal response.
  const first = await iterator.next();
  response.set({
    'content-type': `${type}; charset=utf-8`,
    'content-disposition': `attachment; filename="${fileName}"`,
    'cache-control': 'no-store',
  });
  async function* all() {
    if (!first.done) yield first.value;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  }
  try {
    await pipeline(Readable.from(all()), response);
  } catch (error) {
    // The caller has closed the connection, or the query failed: the response is broken off already.
    if (!response.destroyed) throw error;
  }
}
