import { type TellDeps, tellDue } from '../alerts/tell.ts';
import { type WatchDeps, watchAll } from '../alerts/watch.ts';
import { runPollLoop } from '../installations/reconciler.ts';
import { rollUpDailyActivity } from '../messages/stats/active-days.ts';
import { rollUpDailyStats } from '../messages/stats/rollup.ts';

export type WatcherDeps = WatchDeps & TellDeps;

/** Each goes on by itself: a first count may take a while, and alerts do not wait for it. */
export const passes: readonly ((deps: WatcherDeps) => Promise<number>)[] = [
  (deps) => rollUpDailyActivity(deps).then(() => 0),
  (deps) => rollUpDailyStats(deps).then(() => 0),
  watchAll,
  tellDue,
];

/** Looks for what a person should know of, and tells it. @returns stops it and waits for what is in hand */
export function startWatcher(deps: WatcherDeps): () => Promise<void> {
  const onError = (error: unknown) => deps.log.error({ err: error }, 'the watcher had an error and goes on');
  const stops = passes.map((pass) => runPollLoop(deps.clock, () => pass(deps), onError));
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}
