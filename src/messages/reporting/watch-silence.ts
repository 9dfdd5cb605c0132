import { type Clock, dateNow } from '../../core/clock.ts';
import type { Database } from '../../database/client.ts';
import { claimPeriodicTask, recordTaskProgress } from '../../database/periodic-lock.ts';
import { countSilentSends, type SilenceWatch } from '../stats/silent-sends.ts';

export interface WatchSilenceDeps {
  db: Database;
  clock: Clock;
  /** Lists the active connections whose channel names the time of a first receipt. */
  listSilenceWatches(): Promise<readonly (SilenceWatch & { readonly type: string })[]>;
  /** Brings the checks of connections forward. */
  requestChecks(ids: readonly string[]): Promise<void>;
  recordSilentSends(channel: string, count: number): void;
}

const intervalMs = 60_000;
/** Bounds a run after a long stop. */
const maxSpanMs = 60 * 60 * 1000;

/**
 * Counts the messages that have been without a receipt for too long since the last run, once each, and has their connections checked: a vendor
 * may accept messages while it can't send any. One statement a minute, in one process.
 *
 * @returns 0: the next run is due in a minute
 */
export async function watchSilence(deps: WatchSilenceDeps): Promise<number> {
  const task = await claimPeriodicTask(deps, 'silent_sends', intervalMs);
  if (!task) return 0;
  const until = dateNow(deps.clock);
  const after = new Date(Math.max(task.progressUntil?.getTime() ?? until.getTime() - intervalMs, until.getTime() - maxSpanMs));
  const watches = await deps.listSilenceWatches();
  const silent = watches.length === 0 ? [] : await countSilentSends(deps.db.client, watches, { after, until });
  await recordTaskProgress(deps.db, 'silent_sends', until);
  const types = new Map(watches.map(({ id, type }) => [id, type]));
  for (const { connectionId, count } of silent) deps.recordSilentSends(types.get(connectionId) ?? 'unknown', count);
  if (silent.length > 0) await deps.requestChecks(silent.map(({ connectionId }) => connectionId));
  return 0;
}
