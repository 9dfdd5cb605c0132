import type { Clock, Timer } from '../../src/core/clock.ts';
import { type MonitoringDeps, monitoringTasks, startMonitoring } from '../../src/worker/monitoring.ts';

/** Watchers of which one can tell when all have looked at everything and wait for the clock. */
export function createAlertWatchers(clock: Clock) {
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
    areIdle: () => pending.size === loops,
    start(deps: MonitoringDeps): () => Promise<void> {
      loops += monitoringTasks.length;
      const stop = startMonitoring({ ...deps, clock: own });
      return async () => {
        await stop();
        loops -= monitoringTasks.length;
      };
    },
  };
}
