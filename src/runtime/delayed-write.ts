import type { Clock, Timer } from '../core/clock.ts';
import type { Log } from './log.ts';

export interface DelayedWrite {
  /** Schedules a write within some seconds, at no cost for the caller. */
  request(): void;
  /** Writes the rest, and waits for a running write. */
  stop(): Promise<void>;
}

const delayMs = 3_000;

/**
 * Creates a writer for data that a process gathers in memory. It writes at most once in some seconds, however much is gathered.
 *
 * @param write takes the gathered data and writes it. When it throws it must have put the data back: it is retried after the same time
 */
export function createDelayedWrite(deps: { clock: Clock; log: Log }, label: string, write: () => Promise<void>): DelayedWrite {
  const { clock, log } = deps;
  let timer: Timer | null = null;
  let writing: Promise<void> | null = null;
  let isStopped = false;

  function request(): void {
    if (!isStopped) timer ??= clock.setTimeout(() => void run(), delayMs);
  }

  async function run(): Promise<void> {
    timer = null;
    if (writing) return request();
    writing = write().catch((error: unknown) => {
      log.warn({ err: error }, `${label} could not be written yet`);
      request();
    });
    await writing;
    writing = null;
  }

  return {
    request,
    async stop() {
      isStopped = true;
      await writing;
      if (timer === null) return;
      clock.clearTimeout(timer);
      await run();
    },
  };
}
