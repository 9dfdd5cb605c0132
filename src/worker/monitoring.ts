import { type EvaluateDeps, evaluateAlerts } from '../alerts/evaluate.ts';
import { type SendNotificationsDeps, sendDueNotifications } from '../alerts/send-notifications.ts';
import { rollUpDailyActivity } from '../messages/stats/active-days.ts';
import { rollUpDailyStats } from '../messages/stats/rollup.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';

export type MonitoringDeps = EvaluateDeps & SendNotificationsDeps;

/** Each goes on by itself: a first count may take a while, and alerts do not wait for it. */
export const monitoringTasks: readonly ((deps: MonitoringDeps) => Promise<number>)[] = [
  (deps) => rollUpDailyActivity(deps).then(() => 0),
  (deps) => rollUpDailyStats(deps).then(() => 0),
  evaluateAlerts,
  sendDueNotifications,
];

/** Looks for what a person should know of, and tells it. @returns stops it and waits for what is in hand */
export function startMonitoring(deps: MonitoringDeps): () => Promise<void> {
  const onError = (error: unknown) => deps.log.error({ err: error }, 'the watcher had an error and goes on');
  const stops = monitoringTasks.map((task) => runPollLoop(deps.clock, () => task(deps), onError));
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}
