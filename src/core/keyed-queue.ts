/** Runs work of the same key one after another, work of different keys side by side. */
export interface KeyedQueue {
  /** @throws what `onFull` gives, at once, when too much of this key waits */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
}

/**
 * Creates a queue in memory in which each key, such as a tenant, has one thing under way at a time: what one tenant asks for then takes
 * one connection of the database, however much it asks for.
 *
 * @param maxWaiting how much of one key may wait; more is refused
 * @param onFull the error for what is refused
 */
export function createKeyedQueue(maxWaiting: number, onFull: () => Error): KeyedQueue {
  const chains = new Map<string, { last: Promise<unknown>; size: number }>();
  return {
    async run(key, work) {
      const chain = chains.get(key) ?? { last: Promise.resolve(), size: 0 };
      if (chain.size > maxWaiting) throw onFull();
      chain.size += 1;
      chains.set(key, chain);
      const turn = chain.last.then(work);
      // The next one goes on whether this one fails or not; its own caller hears of it.
      chain.last = turn.catch(() => undefined);
      try {
        return await turn;
      } finally {
        chain.size -= 1;
        if (chain.size === 0) chains.delete(key);
      }
    },
  };
}
