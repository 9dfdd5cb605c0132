import type { Clock, Timer } from '../core/clock.ts';
import type { Log } from './log.ts';

export interface DelayedWrite {
  /** Asks for a write within some seconds. It costs the caller nothing. */
  request(): void;
  /** Writes what is left, and waits for a write that is under way. */
  stop(): Promise<void>;
}

const delayMs = 3_000;

/**
 * Writes what a process has gathered in memory, at most once in some seconds however much is gathered.
 *
 * @param write takes what was gathered and writes it. When it throws it must have put it back: it is tried again after the same time
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
