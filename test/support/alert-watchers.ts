import type { Clock, Timer } from '../../src/core/clock.ts';
import type { Database } from '../../src/database/client.ts';
import type { Log } from '../../src/runtime/log.ts';
import { type PeriodicTask, startPeriodicTasks } from '../../src/worker/periodic-tasks.ts';

const monitoringTasks = ['roll_up_activity', 'roll_up_stats', 'evaluate_alerts', 'send_notifications'];

/** Returns whether a task raises or reports alerts. */
export function isMonitoringTask({ name }: PeriodicTask): boolean {
  return monitoringTasks.includes(name);
}

const reconcilingTasks = [
  'apply_app_events',
  'reconcile_installations',
  'set_up_connections',
  'check_connections',
  'run_redrives',
  'mirror_opt_outs',
  'run_workflow_sends',
  'resume_workflows',
  'fire_triggers',
  'send_webhooks',
];

export function isReconcilingTask({ name }: PeriodicTask): boolean {
  return reconcilingTasks.includes(name);
}

/** Creates watchers that show when each has finished its checks and waits for the clock. */
export function createAlertWatchers(db: Database, clock: Clock) {
  const pending = new Set<Timer>();
  let loops = 0;
  let running = 0;

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
  const watch = (task: PeriodicTask): PeriodicTask => ({
    ...task,
    run() {
      running += 1;
      return task.run().finally(() => (running -= 1));
    },
  });

  return {
    areIdle: () => pending.size === loops && running === 0,
    start(log: Log, tasks: readonly PeriodicTask[]): () => Promise<void> {
      loops += 1;
      const stop = startPeriodicTasks({ db, clock: own, log }, tasks.map(watch));
      return async () => {
        await stop();
        loops -= 1;
      };
    },
  };
}
