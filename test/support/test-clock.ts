import { setImmediate } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/core/clock.ts';

interface TimerEntry {
  run: () => void;
  at: number;
  intervalMs: number | null;
}

/** A clock that moves only when a test says so; timers fire in the order of their times. */
export function createTestClock(start: string | number = Date.now()) {
  let now = new Date(start).getTime();
  let timers: TimerEntry[] = [];

  const add = (run: () => void, ms: number, intervalMs: number | null): Timer => {
    const timer = { run, at: now + Math.max(ms, 0), intervalMs };
    timers.push(timer);
    return timer;
  };
  const remove = (timer: Timer) => {
    timers = timers.filter((one) => one !== timer);
  };
  const findNext = () =>
    timers.reduce<TimerEntry | undefined>((first, one) => (first && first.at <= one.at ? first : one), undefined);

  const clock: Clock = {
    now: () => now,
    elapsed: () => now,
    setTimeout: (run, ms) => add(run, ms, null),
    clearTimeout: remove,
    setInterval: (run, ms) => add(run, ms, Math.max(ms, 1)),
    clearInterval: remove,
  };

  return {
    ...clock,
    /** Moves on by `ms`; each timer fires at its own time. */
    async tick(ms: number): Promise<void> {
      const target = now + ms;
      await setImmediate();
      for (let timer = findNext(); timer && timer.at <= target; timer = findNext()) {
        now = Math.max(now, timer.at);
        if (timer.intervalMs === null) remove(timer);
        else timer.at += timer.intervalMs;
        timer.run();
        await setImmediate();
      }
      now = target;
    },
    /** Jumps, as if the process had slept: what came due on the way fires once, when time next moves. */
    jump(ms: number): void {
      now += ms;
      for (const timer of timers) timer.at = Math.max(timer.at, now);
    },
  };
}

export type TestClock = ReturnType<typeof createTestClock>;
