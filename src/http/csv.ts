import type { Request } from 'express';
import { decodeText } from '../core/csv.ts';
import { AppError, isAppError } from '../core/errors.ts';

const maxBodyBytes = 5 * 1024 * 1024;

/** Reads the body of a request as CSV, in parts. @throws AppError `media_type_unsupported`, `payload_invalid`, `too_large` */
export function readCsvBody(request: Request): AsyncIterable<string> {
  if (!request.is('text/csv')) {
    throw new AppError('media_type_unsupported', 'The body must be CSV, with the content type text/csv.');
  }
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
