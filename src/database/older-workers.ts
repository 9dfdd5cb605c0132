import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';

/** A worker whose row does not change for so long, five heartbeats, is gone. */
const workerTimeoutMs = 10_000;
const pollIntervalMs = 1_000;
const logIntervalMs = 10_000;

type Query = (sql: string) => Promise<Record<string, unknown>[]>;

/**
 * Waits until no worker's heartbeat changes. A worker that is stopped deletes its row, so a start after an ordinary stop does
 * not wait; a killed worker leaves a row that does not change.
 *
 * A process that only serves HTTP (`ROLE=web`) has no heartbeat. It is not detected here: it notices the migration by itself (`schema-watch.ts`).
 *
 * @param isNeeded called each time: another process of this version may have migrated meanwhile, and its heartbeat changes, too
 */
export async function waitForOlderWorkers(
  { query, log, clock }: { query: Query; log: Pick<Log, 'warn'> | undefined; clock: Clock },
  isNeeded: () => Promise<boolean>,
): Promise<void> {
  let seen = await readWorkers(query);
  let unchangedSince = clock.elapsed();
  let loggedAt = Number.NEGATIVE_INFINITY;
  while (seen !== '' && clock.elapsed() - unchangedSince < workerTimeoutMs) {
    await sleep(clock, pollIntervalMs);
    if (!(await isNeeded())) return;
    const now = await readWorkers(query);
    if (now === seen) continue;
    seen = now;
    unchangedSince = clock.elapsed();
    if (seen === '' || clock.elapsed() - loggedAt < logIntervalMs) continue;
    loggedAt = clock.elapsed();
    log?.warn(
      'a migration waits: workers of an older version are running and cannot continue after it; stop the older processes',
    );
  }
}

/** Returns the workers' rows as text, for any names of their columns; empty without workers. */
async function readWorkers(query: Query): Promise<string> {
  const [table] = await query(`SELECT to_regclass('workers') IS NOT NULL AS "exists"`);
  if (!table?.exists) return '';
  const [row] = await query(`SELECT string_agg(w::text, ' ' ORDER BY id) AS text FROM workers AS w`);
  return String(row?.text ?? '');
}
