import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Clock, sleep, systemClock } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { type BodyLimits, type BodyShare, createBodyBudget } from './body-budget.ts';
import { type ExpandBody, findExpansion } from './expand-body.ts';
import { createTurnQueue } from './turn-queue.ts';

/**
 * Reads the body of a request as bytes, regardless of its content type, as signatures cover these bytes, and handles it. The body counts as
 * held in memory until it is handled, not until the caller has read the response: a caller may never do so.
 *
 * @throws AppError `too_large`, `overloaded` when the bodies of all requests together take too much memory, `payload_invalid`, and what
 *   `handle` throws
 */
export type ReadBody = <Result>(
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
  handle: (body: Buffer) => Promise<Result>,
) => Promise<Result>;

const mebibyte = 1024 * 1024;

/** A larger body of a delivery webhook is read for its ids, and the message is not sent. */
export const maxDeliveryBytes = 10 * mebibyte;

const defaultLimits: BodyLimits = {
  totalBytes: 64 * mebibyte,
  smallReserveBytes: 16 * mebibyte,
  smallBytes: 256 * 1024,
  oversizedBytes: maxDeliveryBytes,
};

/**
 * Verifying, parsing and storing a large body blocks the event loop, so large ones take turns, and each leaves it to other requests for a
 * time in proportion to its size. Without turns, one location's webhooks of 9 MiB delayed all others by seconds. A process still takes
 * 25 MiB of large bodies a second.
 */
const turnMsPerMebibyte = 40;

const retryAfterMs = 2_000;

/** One body under way. */
interface Reading {
  share: BodyShare;
  expand: ExpandBody | null;
  maxBytes: number;
  /** Aborts when the caller has left, or the share was taken for another body. */
  signal: AbortSignal;
}

/** Creates the one reader of a process: its limits hold for all requests together. */
export function createBodyReader(changedLimits: Partial<BodyLimits> = {}, clock: Clock = systemClock): ReadBody {
  const limits = { ...defaultLimits, ...changedLimits };
  const { smallBytes, oversizedBytes } = limits;
  const budget = createBodyBudget(limits, clock);
  const turns = createTurnQueue();
  const smallExpansions = createTurnQueue();
  const largeExpansions = createTurnQueue();

  function charge({ share }: Reading, bytes: number): void {
    if (!budget.charge(share, bytes)) throw overloaded();
  }

  /** Completes a body; a large one then waits until the turn of the one before has ended. */
  async function complete({ share, signal }: Reading, body: Buffer): Promise<Buffer> {
    budget.complete(share);
    if (body.length <= smallBytes) return body;
    const leave = await turns.enter(signal);
    void sleep(clock, (body.length / mebibyte) * turnMsPerMebibyte).then(leave);
    return body;
  }

  /**
   * Expands a compressed body once all of it is here, as a few kilobytes become megabytes. Small bodies are expanded one at a time, and large
   * ones one at a time until their turn has come: of bodies that expand to megabytes one takes memory, and others wait compressed.
   */
  async function expandInTurn(reading: Reading, expand: ExpandBody, received: Buffer): Promise<Buffer> {
    const small =
      received.length > smallBytes
        ? null
        : await smallExpansions.run(reading.signal, () => expandWithin(reading, expand, received, [smallBytes]));
    if (small) return complete(reading, small);
    return largeExpansions.run(reading.signal, async () => {
      const body = await expandWithin(reading, expand, received, [oversizedBytes, reading.maxBytes]);
      if (!body) throw tooLarge();
      return complete(reading, body);
    });
  }

  /** Expands a body to the first of these sizes that suffices; each is charged before. @returns null when none suffices */
  async function expandWithin(reading: Reading, expand: ExpandBody, received: Buffer, sizes: number[]): Promise<Buffer | null> {
    for (const size of new Set(sizes.map((bytes) => Math.min(bytes, reading.maxBytes)))) {
      charge(reading, size);
      const body = await expand(received, size);
      reading.signal.throwIfAborted();
      charge(reading, body?.length ?? received.length);
      if (body) return body;
    }
    return null;
  }

  async function readWhole(request: IncomingMessage, reading: Reading): Promise<Buffer> {
    const received = await collect(request, reading.signal, (size) => {
      if (size > reading.maxBytes) throw tooLarge();
      budget.recordProgress(reading.share, size);
      charge(reading, size);
    });
    return reading.expand ? expandInTurn(reading, reading.expand, received) : complete(reading, received);
  }

  return async (request, response, maxBytes, handle) => {
    const declaredBytes = Number(request.headers['content-length'] ?? 0);
    if (declaredBytes > maxBytes) throw tooLarge();
    if (declaredBytes > oversizedBytes && !budget.canTakeOversized()) throw overloaded();
    const expand = findExpansion(request);
    const ending = new AbortController();
    const share = budget.open(() => ending.abort(overloaded()));
    const leave = () => ending.abort(new AppError('payload_invalid', 'The caller closed the connection.'));
    response.once('close', leave);
    try {
      return await handle(await readWhole(request, { share, expand, maxBytes, signal: ending.signal }));
    } finally {
      response.off('close', leave);
      budget.release(share);
    }
  };
}

/** @param admit throws when the body may not grow to this size @throws the reason of the signal, AppError `payload_invalid` */
function collect(request: IncomingMessage, signal: AbortSignal, admit: (size: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
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
      request.off('data', onChunk);
      chunks = [];
      // Discards the remaining bytes, so that the caller can read the response.
      request.resume();
      reject(error);
    };
    const failUnreadable = (cause?: unknown) => stop(new AppError('payload_invalid', 'The body could not be read.', { cause }));
    signal.addEventListener('abort', () => stop(signal.reason));
    request.on('data', onChunk);
    request.once('end', () => {
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks));
      chunks = [];
    });
    request.on('error', failUnreadable);
    request.once('aborted', failUnreadable);
  });
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
