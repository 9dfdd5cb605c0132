import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { type Clock, sleep, systemClock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';

/**
 * Reads the body of a request as bytes, regardless of its content type: signatures cover these bytes.
 *
 * @throws AppError `too_large`, `overloaded` when the bodies of all requests together take too much memory, `payload_invalid`
 */
export type ReadBody = (request: IncomingMessage, response: ServerResponse, maxBytes: number) => Promise<Buffer>;

const mebibyte = 1024 * 1024;

/** A larger body of a delivery webhook is read for its ids, and the message is not sent. */
export const maxDeliveryBytes = 10 * mebibyte;

/** Bounds of the memory that bodies take from their first byte until their response has ended. */
const defaultLimits = {
  /** All bodies together, without the one that is oversized. */
  totalBytes: 64 * mebibyte,
  /** Reserve for small bodies, so that a few large ones do not block many small ones. */
  smallReserveBytes: 16 * mebibyte,
  smallBytes: 256 * 1024,
  /** A body beyond this is oversized: one of them is read at a time. */
  oversizedBytes: maxDeliveryBytes,
};

/**
 * Verifying, parsing and storing a large body blocks the event loop, so large ones take turns, and each leaves it to other requests for a
 * time in proportion to its size. Without turns, one location's webhooks of 9 MiB delayed all others by seconds. A process still takes
 * 25 MiB of large bodies a second.
 */
const turnMsPerMebibyte = 40;

const retryAfterMs = 2_000;

/** Creates the one reader of a process: its limits hold for all requests together. */
export function createBodyReader(limits: Partial<typeof defaultLimits> = {}, clock: Clock = systemClock): ReadBody {
  const { totalBytes, smallReserveBytes, smallBytes, oversizedBytes } = { ...defaultLimits, ...limits };
  let heldBytes = 0;
  let isOversizedTaken = false;
  let lastTurn: Promise<void> = Promise.resolve();

  /** Resolves when the turn of the large body before has ended. A caller that has left frees its body at once, and its turn is skipped. */
  function awaitTurn(bytes: number, response: ServerResponse): Promise<void> {
    const turn = lastTurn;
    let hasLeft = false;
    const left = once(response, 'close').then(() => {
      hasLeft = true;
      throw new AppError('payload_invalid', 'The caller closed the connection.');
    });
    lastTurn = turn.then(() => (hasLeft ? undefined : sleep(clock, (bytes / mebibyte) * turnMsPerMebibyte)));
    return Promise.race([turn, left]);
  }

  /** The share of one request. */
  function createShare() {
    let held = 0;
    let isOversized = false;
    return {
      /** @returns whether a body may grow to this size */
      grow(size: number): boolean {
        if (isOversized) return true;
        if (size > oversizedBytes) {
          if (isOversizedTaken) return false;
          isOversizedTaken = true;
          isOversized = true;
          heldBytes -= held;
          held = 0;
          return true;
        }
        const availableBytes = totalBytes - heldBytes - (size > smallBytes ? smallReserveBytes : 0);
        if (size - held > availableBytes) return false;
        heldBytes += size - held;
        held = size;
        return true;
      },
      release() {
        heldBytes -= held;
        held = 0;
        if (isOversized) isOversizedTaken = false;
        isOversized = false;
      },
    };
  }

  return async (request, response, maxBytes) => {
    const declaredBytes = Number(request.headers['content-length'] ?? 0);
    if (declaredBytes > maxBytes) throw tooLarge();
    if (declaredBytes > oversizedBytes && isOversizedTaken) throw overloaded();
    const share = createShare();
    response.once('close', share.release);
    const body = await collect(request, (size) => {
      if (size > maxBytes) throw tooLarge();
      if (!share.grow(size)) throw overloaded();
    });
    if (body.length > smallBytes) await awaitTurn(body.length, response);
    return body;
  };
}

/** @param admit throws when the body may not grow to this size */
function collect(request: IncomingMessage, admit: (size: number) => void): Promise<Buffer> {
  const body = decodeBody(request);
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const onChunk = (chunk: Buffer) => {
      size += chunk.length;
      try {
        admit(size);
        chunks.push(chunk);
      } catch (error) {
        stop(error);
      }
    };
    const stop = (error: unknown) => {
      body.off('data', onChunk);
      chunks.length = 0;
      if (body !== request) {
        request.unpipe();
        body.destroy();
      }
      // Discards the remaining bytes, so that the caller can read the response.
      request.resume();
      reject(error);
    };
    const failUnreadable = (cause?: unknown) => stop(new AppError('payload_invalid', 'The body could not be read.', { cause }));
    body.on('data', onChunk);
    body.once('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    body.on('error', failUnreadable);
    request.once('aborted', failUnreadable);
  });
}

const decoders: Readonly<Record<string, () => NodeJS.ReadWriteStream & Readable>> = {
  gzip: createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
};

function decodeBody(request: IncomingMessage): Readable {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') return request;
  const decode = decoders[encoding];
  if (!decode) throw new AppError('payload_invalid', 'The content encoding of the body is not supported.');
  return request.pipe(decode());
}

function tooLarge(): AppError {
  return new AppError('too_large', 'The body is too large for this endpoint.');
}

/** Creates a 503: HighLevel repeats a webhook for days after 503, but only for an hour after 429 (platform-2026-11.md 2). */
function overloaded(): AppError {
  return new AppError('overloaded', 'The server has too many request bodies in memory. Please send it again in a moment.', {
    retryAfterMs,
  });
}
