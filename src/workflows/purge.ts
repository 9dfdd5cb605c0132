import type { Database } from '../database/client.ts';
import { purgeEvents, purgeSubscriptions } from '../outbox/purge.ts';
import { purgeSends } from './send-rows.ts';

/** Deletes what workflows have left: events that ended, and sends that were stored, before a time, and the triggers of locations that were uninstalled before another. */
export async function purgeWorkflows(
  deps: { db: Database },
  { endedBefore, uninstalledBefore }: { endedBefore: Date; uninstalledBefore: Date },
): Promise<void> {
  // In steps, so that no statement blocks other work.
  while ((await purgeEvents(deps, endedBefore)) > 0);
  while ((await purgeSends(deps, endedBefore)) > 0);
  await purgeSubscriptions(deps, uninstalledBefore);
}
