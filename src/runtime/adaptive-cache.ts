import type { Clock } from '../core/clock.ts';

interface CacheEntry<Result> {
  readonly result: Promise<Result>;
  /** End of its validity; null while the result is being computed. */
  expiresAtMs: number | null;
}

/** Validity as a multiple of the time that the computation took. */
const ttlFactor = 20;
const maxEntries = 500;

/**
 * Creates a cache that keeps each result for twenty times as long as it took to compute, and shares a computation in flight. A slow query
 * therefore uses at most 5 % of the time, however many clients poll; a quick one is always fresh.
 */
export function createAdaptiveCache<Result>(clock: Clock): (key: string, compute: () => Promise<Result>) => Promise<Result> {
  const entries = new Map<string, CacheEntry<Result>>();
  const isFresh = ({ expiresAtMs }: CacheEntry<Result>) => expiresAtMs === null || clock.now() < expiresAtMs;

  return (key, compute) => {
    const cached = entries.get(key);
    if (cached && isFresh(cached)) return cached.result;
    if (entries.size >= maxEntries) for (const [oldKey, old] of entries) if (!isFresh(old)) entries.delete(oldKey);
    const startedMs = clock.now();
    const entry: CacheEntry<Result> = { result: compute(), expiresAtMs: null };
    entries.set(key, entry);
    entry.result.then(
      () => {
        entry.expiresAtMs = clock.now() + (clock.now() - startedMs) * ttlFactor;
      },
      // A failure reaches only the callers that wait for it.
      () => entries.delete(key),
    );
    return entry.result;
  };
}
