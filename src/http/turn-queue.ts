/** Queue that admits one caller at a time, in the order of their calls. */
export interface TurnQueue {
  /**
   * Resolves when all callers before have left. A caller whose signal aborts while it waits leaves the queue.
   *
   * @returns the function that ends the turn
   * @throws the reason of the signal
   */
  enter(signal: AbortSignal): Promise<() => void>;
  /** Runs work in a turn of its own. @throws the reason of the signal, the error of the work */
  run<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result>;
}

/** Creates a queue. What a caller holds is free as soon as its signal aborts: the queue keeps places, not work. */
export function createTurnQueue(): TurnQueue {
  let last: Promise<void> = Promise.resolve();

  async function enter(signal: AbortSignal): Promise<() => void> {
    const turn = last;
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    last = turn.then(() => left);
    try {
      await waitUnlessAborted(turn, signal);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }

  return {
    enter,
    async run(signal, work) {
      const leave = await enter(signal);
      try {
        return await work();
      } finally {
        leave();
      }
    },
  };
}

async function waitUnlessAborted(turn: Promise<void>, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort);
  try {
    await Promise.race([turn, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
