import type { IncomingMessage } from 'node:http';
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate } from 'node:zlib';
import { AppError } from '../core/errors.ts';

/** Expands a whole body. @returns null when the result has more than `maxBytes` @throws AppError `payload_invalid` */
export type ExpandBody = (body: Buffer, maxBytes: number) => Promise<Buffer | null>;

const decoders = new Map([
  ['gzip', promisify(gunzip)],
  ['deflate', promisify(inflate)],
  ['br', promisify(brotliDecompress)],
]);

/** Returns the function that expands the body of a request, null when it is not compressed. @throws AppError `payload_invalid` */
export function findExpansion(request: IncomingMessage): ExpandBody | null {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return null;
  const decode = decoders.get(encoding);
  if (!decode) throw new AppError('payload_invalid', 'The content encoding of the body is not supported.');
  return async (body, maxBytes) => {
    try {
      return await decode(body, { maxOutputLength: maxBytes });
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') return null;
      throw new AppError('payload_invalid', 'The body could not be read.', { cause });
    }
  };
}
