import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Request, Response } from 'express';
import { decodeText } from '../core/csv.ts';
import { AppError, isAppError } from '../core/errors.ts';

/** A file that is sent as it is read. */
export interface CsvFile {
  readonly fileName: string;
  readonly parts: AsyncIterable<string>;
}

const maxBodyBytes = 5 * 1024 * 1024;

/** Reads the body of a request as CSV, in parts. @throws AppError `payload_invalid`: another type; `too_large` */
export function readCsvBody(request: Request): AsyncIterable<string> {
  if (!request.is('text/csv')) throw new AppError('payload_invalid', 'The body must be CSV, with the content type text/csv.');
  const checkSize = (bytes: number) => {
    if (bytes > maxBodyBytes) throw new AppError('too_large', 'The file is larger than 5 MB. Import it in parts.');
  };
  checkSize(Number(request.get('content-length') ?? 0));
  return decodeBody(request, checkSize);
}

async function* decodeBody(request: Request, checkSize: (bytes: number) => void): AsyncGenerator<string> {
  try {
    yield* decodeText(request, checkSize);
  } catch (error) {
    // Only the caller breaks a body off.
    throw isAppError(error) ? error : new AppError('payload_invalid', 'The upload was broken off.', { cause: error });
  }
}

/** Sends a file in parts, as fast as the caller takes them. An error after the first part ends the connection, so that no file looks whole. */
export async function sendCsv(response: Response, { fileName, parts }: CsvFile): Promise<void> {
  const iterator = parts[Symbol.asyncIterator]();
  // Errors of the first query become a normal response.
  const first = await iterator.next();
  response.set({
    'content-type': 'text/csv; charset=utf-8',
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
