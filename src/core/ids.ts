import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { Clock } from './clock.ts';

/** Fills a buffer of the asked length. */
export type RandomSource = (length: number) => Buffer;

const pooledBytes = 4_096;
let pool = Buffer.alloc(0);

/** The system's random bytes, fetched many at a time: every webhook needs some, and each fetch is a call to the system. */
export const systemRandom: RandomSource = (length) => {
  if (length > pooledBytes) return randomBytes(length);
  if (pool.length < length) pool = randomBytes(pooledBytes);
  // A copy: whoever keeps it must not keep, or overwrite, anybody else's.
  const bytes = Buffer.from(pool.subarray(0, length));
  pool = pool.subarray(length);
  return bytes;
};

const maxIdTimeMs = 2 ** 48 - 1;

/** The lowest id that can have been made at this moment or later: a time as a place among ids. */
export function minIdAt(at: Date): string {
  // An id has 48 bits for its time: what lies outside of them is before all ids, or after all.
  const hex = Math.min(Math.max(at.getTime(), 0), maxIdTimeMs).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Makes the ids of our own rows and jobs. */
export type NewId = () => string;

/**
 * Ids that sort in the order in which this process made them (UUIDv7 with a counter).
 *
 * Order matters beyond convenience: the queue orders jobs of one key by time and then by id, and rows of one commit share their time.
 */
export function createIdGenerator(clock: Clock, random: RandomSource): NewId {
  let lastMs = 0;
  let seq = 0;
  return () => {
    const now = clock.now();
    // A clock that stands still or steps back must not make ids that sort before earlier ones.
    seq = now > lastMs ? 0 : seq + 1;
    lastMs = Math.max(now, lastMs);
    return v7({ msecs: lastMs, seq, random: random(16) });
  };
}
