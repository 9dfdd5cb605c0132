import type { Clock, Timer } from '../core/clock.ts';

const pollIntervalMs = 1_000;

/**
 * Runs `poll` again at once while it finds work, and every second otherwise.
 *
 * @param poll resolves with the number of items that it has handled
 * @returns stops the loop and waits for the poll that runs
 */
export function runPollLoop(clock: Clock, poll: () => Promise<number>, onError: (error: unknown) => void): () => Promise<void> {
  let isStopped = false;
  let timer: Timer;
  let running: Promise<void> = Promise.resolve();

  const run = async () => {
    try {
      while (!isStopped && (await poll()) > 0);
    } catch (error) {
      onError(error);
    }
    if (!isStopped) timer = clock.setTimeout(start, pollIntervalMs);
  };
  const start = () => {
    running = run();
  };
  start();

  return async () => {
    isStopped = true;
    if (timer !== undefined) clock.clearTimeout(timer);
    await running;
  };
}
