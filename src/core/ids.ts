import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Clock } from './clock.ts';

/** Source of random bytes: fills a buffer of the requested length. */
export type RandomSource = (length: number) => Buffer;

const pooledBytes = 4_096;
let pool = Buffer.alloc(0);

/** The system's random bytes, fetched many at a time: every webhook needs some, and each fetch is a system call. */
export const systemRandom: RandomSource = (length) => {
  if (length > pooledBytes) return randomBytes(length);
  if (pool.length < length) pool = randomBytes(pooledBytes);
  // A copy: a caller that stores the buffer must not retain or overwrite the pool.
  const bytes = Buffer.from(pool.subarray(0, length));
  pool = pool.subarray(length);
  return bytes;
};

const maxIdTimeMs = 2 ** 48 - 1;

/** Returns the lowest id that can have been made at this moment or later, as a position among ids. */
export function minIdAt(at: Date): string {
  // An id has 48 bits for its time: clamp moments outside of them.
  const hex = Math.min(Math.max(at.getTime(), 0), maxIdTimeMs).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Generator of the ids of our own rows and jobs. */
export type NewId = () => string;

/**
 * Creates a generator whose ids sort in the order in which this process made them (UUIDv7 with a counter).
 *
 * The order matters: the queue orders jobs of one ordering key by time and then by id, and rows of one commit share their time.
 */
export function createIdGenerator(clock: Clock, random: RandomSource): NewId {
  let lastMs = 0;
  let seq = 0;
  return () => {
    const now = clock.now();
    // A clock that stands still or steps back must not yield ids that sort before earlier ones.
    seq = now > lastMs ? 0 : seq + 1;
    lastMs = Math.max(now, lastMs);
    return v7({ msecs: lastMs, seq, random: random(16) });
  };
}
