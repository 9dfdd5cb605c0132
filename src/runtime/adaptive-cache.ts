import type { Clock } from '../core/clock.ts';

interface CacheEntry<Result> {
  readonly result: Promise<Result>;
  /** Until when it is good; null while it is under way. */
  expiresAtMs: number | null;
}

/** What was looked at takes at most this part of the time. */
const ttlFactor = 20;
const maxEntries = 500;

/**
 * Looks that cost something, shared by all who ask for the same: an answer is given again for twenty times as long as it took. So what is
 * quick is always new, and what is slow takes no more than a twentieth of the time however many ask.
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
      // A failure is nobody else's answer.
      () => entries.delete(key),
    );
    return entry.result;
  };
}
