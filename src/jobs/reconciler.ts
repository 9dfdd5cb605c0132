import { type AppEventDeps, applyDueEvents } from '../installations/app-events.ts';
import type { LookAfterDeps } from '../installations/look-after.ts';
import { reconcileDue, repeatedly } from '../installations/reconcile.ts';
import { runRedrives } from '../messages/recovery/dead-letters.ts';
import type { StoreDeps } from '../messages/settlement/update-messages.ts';

/** Acts on app events, looks after installations and works off redrives, each when its time has come. @returns stops it and waits for what is in hand */
export function startReconciler(deps: LookAfterDeps & AppEventDeps & StoreDeps): () => Promise<void> {
  const onError = (error: unknown) => deps.log.error({ err: error }, 'the reconciler had an error and goes on');
  const stops = [
    repeatedly(deps.clock, () => applyDueEvents(deps), onError),
    repeatedly(deps.clock, () => reconcileDue(deps), onError),
    repeatedly(deps.clock, () => runRedrives(deps), onError),
  ];
  return async () => void (await Promise.all(stops.map((stop) => stop())));
}
