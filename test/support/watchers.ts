import type { Clock, Timer } from '../../src/core/clock.ts';
import { passes, startWatcher, type WatcherDeps } from '../../src/jobs/watcher.ts';

/** Watchers of which one can tell when all have looked at everything and wait for the clock. */
export function watchers(clock: Clock) {
  const pending = new Set<Timer>();
  let loops = 0;

  const own: Clock = {
    ...clock,
    setTimeout(run, ms) {
      const timer = clock.setTimeout(() => {
        pending.delete(timer);
        run();
      }, ms);
      pending.add(timer);
      return timer;
    },
    clearTimeout(timer) {
      pending.delete(timer);
      clock.clearTimeout(timer);
    },
  };

  return {
    areResting: () => pending.size === loops,
    start(deps: WatcherDeps): () => Promise<void> {
      loops += passes.length;
      const stop = startWatcher({ ...deps, clock: own });
      return async () => {
        await stop();
        loops -= passes.length;
      };
    },
  };
}
