/** In-memory queue: work of one key runs one after another, work of different keys side by side. */
export interface KeyedQueue {
  /** @throws the error of `onFull`, at once, when too much work of this key waits */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>;
}

/**
 * Creates a queue in memory in which each key, such as a tenant, runs one piece of work at a time: however much a tenant requests, it takes
 * one database connection.
 *
 * @param maxWaiting the most work of one key that waits; more is rejected
 * @param onFull makes the error of rejected work
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
      // The next work runs even if this fails; only its own caller receives the error.
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
