/** Random numbers that one seed makes again: what a run draws can be drawn once more. */
export interface Random {
  /** From `least` (inclusive) to `most` (exclusive). */
  between(min: number, max: number): number;
  /** Whether something happens that does so in this part of all cases. */
  isHit(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
}

/** Mulberry32: small, and random enough to be unkind. */
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
