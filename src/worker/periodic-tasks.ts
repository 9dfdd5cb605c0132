import { type AppEventDeps, applyDueEvents } from '../installations/app-events.ts';
import type { ReconcileDeps } from '../installations/reconcile-installation.ts';
import { reconcileDueInstallations } from '../installations/reconciler.ts';
import { runRedrives } from '../messages/recovery/dead-letters.ts';
import type { StoreDeps } from '../messages/settlement/update-messages.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';

/** Acts on app events, looks after installations and works off redrives, each when its time has come. @returns stops it and waits for what is in hand */
export function startPeriodicTasks(deps: ReconcileDeps & AppEventDeps & StoreDeps): () => Promise<void> {
  const onError = (error: unknown) => deps.log.error({ err: error }, 'the reconciler had an error and goes on');
  const stops = [
    runPollLoop(deps.clock, () => applyDueEvents(deps), onError),
    runPollLoop(deps.clock, () => reconcileDueInstallations(deps), onError),
    runPollLoop(deps.clock, () => runRedrives(deps), onError),
  ];
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}
