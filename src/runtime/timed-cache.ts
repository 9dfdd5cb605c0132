import type { Clock } from '../core/clock.ts';

const maxEntries = 500;

/**
 * Creates a cache that keeps each result, or failure, for a fixed time and shares a call in flight: pages that poll then call a vendor no
 * more often than that.
 */
export function createTimedCache<Result>(
  clock: Pick<Clock, 'now'>,
  ttlMs: number,
): (key: string, compute: () => Promise<Result>) => Promise<Result> {
  const entries = new Map<string, { result: Promise<Result>; expiresAtMs: number }>();

  return (key, compute) => {
    const cached = entries.get(key);
    if (cached && clock.now() < cached.expiresAtMs) return cached.result;
    if (entries.size >= maxEntries) entries.clear();
    const entry = { result: compute(), expiresAtMs: Number.POSITIVE_INFINITY };
    entries.set(key, entry);
    const startTtl = () => {
      entry.expiresAtMs = clock.now() + ttlMs;
    };
    entry.result.then(startTtl, startTtl);
    return entry.result;
  };
}
