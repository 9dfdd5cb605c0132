import { setImmediate } from 'node:timers/promises';
import type { Clock, Timer } from '../../src/core/clock.ts';

interface Due {
  run: () => void;
  at: number;
  everyMs: number | null;
}

/** A clock that moves only when a test says so; timers fire in the order of their times. */
export function testClock(start: string | number = Date.now()) {
  let now = new Date(start).getTime();
  let timers: Due[] = [];

  const add = (run: () => void, ms: number, everyMs: number | null): Timer => {
    const timer = { run, at: now + Math.max(ms, 0), everyMs };
    timers.push(timer);
    return timer;
  };
  const remove = (timer: Timer) => {
    timers = timers.filter((one) => one !== timer);
  };
  const next = () => timers.reduce<Due | undefined>((first, one) => (first && first.at <= one.at ? first : one), undefined);

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
      for (let timer = next(); timer && timer.at <= target; timer = next()) {
        now = Math.max(now, timer.at);
        if (timer.everyMs === null) remove(timer);
        else timer.at += timer.everyMs;
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

export type TestClock = ReturnType<typeof testClock>;
