/** Reproducible random numbers: the same seed draws the same numbers. */
export interface Random {
  /** Draws from `min` (inclusive) to `max` (exclusive). */
  between(min: number, max: number): number;
  /** Draws true with this probability. */
  isHit(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Creates a Mulberry32 generator: small, and random enough for tests. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    between: (min, max) => min + next() * (max - min),
    isHit: (probability) => next() < probability,
    pick: (list) => list[Math.floor(next() * list.length)] as (typeof list)[number],
  };
}
