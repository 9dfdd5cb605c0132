import type { Clock } from '../core/clock.ts';

/** A wait that can end early. */
export interface Sleeper {
  /** Resolves after `ms` of the clock's time, or at the next {@link wake}. */
  sleep(ms: number): Promise<void>;
  /** Ends the sleeps in progress. Later ones are not affected. */
  wake(): void;
}

/** Creates a sleeper on a clock. */
export function createSleeper(clock: Clock): Sleeper {
  const wakers = new Set<() => void>();
  return {
    sleep: (ms) =>
      new Promise((resolve) => {
        const finish = () => {
          clock.clearTimeout(timer);
          wakers.delete(finish);
          resolve();
        };
        const timer = clock.setTimeout(finish, ms);
        wakers.add(finish);
      }),
    wake: () => {
      for (const finish of wakers) finish();
    },
  };
}
