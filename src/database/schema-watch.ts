import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { isSchemaMismatch } from './errors.ts';

const checkIntervalMs = 10_000;
/** Many statements fail at the same time; one check is enough for them. */
const minIntervalMs = 1_000;

export interface SchemaWatchDeps {
  clock: Clock;
  log: Log;
  /** Returns a migration that is finished in the database and not known to this program, if there is one. */
  findNewerMigration(): Promise<string | undefined>;
  /** Called once. */
  onNewer(migration: string): void;
}

export interface SchemaWatch {
  /** Checks at once when a statement failed for a table, column or type that does not exist. */
  onError(error: unknown): void;
  stop(): void;
}

/**
 * Detects that a newer version of the program has migrated the database: with a check every ten seconds, and at once when a statement fails
 * for it. This version can't continue then: it does not know the new tables.
 */
export function startSchemaWatch({ clock, log, findNewerMigration, onNewer }: SchemaWatchDeps): SchemaWatch {
  let isChecking = false;
  let isStopped = false;

  async function check(): Promise<void> {
    if (isChecking || isStopped) return;
    isChecking = true;
    try {
      const migration = await findNewerMigration();
      if (migration !== undefined && !isStopped) {
        stop();
        onNewer(migration);
      }
    } catch (error) {
      log.debug({ err: error }, 'it could not be seen whether a newer version has migrated the database');
    }
    if (!isStopped) await sleep(clock, minIntervalMs);
    isChecking = false;
  }

  function stop(): void {
    isStopped = true;
    clock.clearInterval(timer);
  }

  const timer = clock.setInterval(() => void check(), checkIntervalMs);
  return { onError: (error) => void (isSchemaMismatch(error) && check()), stop };
}
