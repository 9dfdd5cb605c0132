/** Timer of a clock; only the clock that made it can clear it. */
export type Timer = unknown;

/** Time as a parameter: the real one, or one that a test moves. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since an arbitrary moment, for durations: no administrator and no time server sets it. */
  elapsed(): number;
  setTimeout(run: () => void, ms: number): Timer;
  clearTimeout(timer: Timer): void;
  setInterval(run: () => void, ms: number): Timer;
  clearInterval(timer: Timer): void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
  setInterval: (run, ms) => setInterval(run, ms),
  clearInterval: (timer) => clearInterval(timer as NodeJS.Timeout),
};

/** Returns the clock's time as a Date, for rows and responses. */
export function dateNow(clock: Pick<Clock, 'now'>): Date {
  return new Date(clock.now());
}

/** Resolves after `ms` of the clock's time. */
export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => clock.setTimeout(resolve, ms));
}

/** Creates a signal that aborts with another one, or after `ms` of the clock's time. The caller disposes of it. */
export function createDeadline(clock: Clock, ms: number, signal?: AbortSignal) {
  const controller = new AbortController();
  let hasTimedOut = false;
  const stop = () => controller.abort();
  const timer = clock.setTimeout(() => {
    hasTimedOut = true;
    stop();
  }, ms);
  // Not `AbortSignal.any`: the other signal may live as long as the program, and would keep this one in memory.
  signal?.addEventListener('abort', stop);
  if (signal?.aborted) stop();
  return {
    signal: controller.signal,
    timedOut: () => hasTimedOut,
    dispose() {
      clock.clearTimeout(timer);
      signal?.removeEventListener('abort', stop);
    },
  };
}
