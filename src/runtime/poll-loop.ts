import type { Clock, Timer } from '../core/clock.ts';

const pollIntervalMs = 1_000;

/** Runs `poll` every second, counted from the end of the one before. @returns stops the loop and waits for the poll that runs */
export function runPollLoop(clock: Clock, poll: () => Promise<void>, onError: (error: unknown) => void): () => Promise<void> {
  let isStopped = false;
  let timer: Timer;
  let running: Promise<void> = Promise.resolve();

  const start = () => {
    running = poll()
      .catch(onError)
      .then(() => {
        if (!isStopped) timer = clock.setTimeout(start, pollIntervalMs);
      });
  };
  start();

  return async () => {
    isStopped = true;
    if (timer !== undefined) clock.clearTimeout(timer);
    await running;
  };
}
