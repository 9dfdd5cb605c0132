import { type Clock, dateNow } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { claimTellings, settleTellings, type Telling, type Way } from './tellings.ts';

/** A way to tell the operator. */
export interface TellingWay {
  /** How many go into one call. */
  readonly atOnce: number;
  /** Tells all of them. @throws when they may not have arrived */
  tell(tellings: readonly Telling[], now: Date): Promise<void>;
}

export interface TellDeps {
  db: Database;
  clock: Clock;
  log: Log;
  /** From 0 (inclusive) to 1, to spread tries. */
  jitter: () => number;
  alertWays: ReadonlyMap<Way, TellingWay>;
}

/**
 * Tells the operator what is due, each alert once as raised and once as recovered in every way that is configured. What fails is tried
 * again until it is told. A process that dies between telling and writing it down lets it be told again: with the same ids.
 *
 * @returns how many were tried
 */
export async function tellDue(deps: TellDeps): Promise<number> {
  const counts = await Promise.all([...deps.alertWays].map(([name, way]) => tellOneWay(deps, name, way)));
  return counts.reduce((sum, count) => sum + count, 0);
}

async function tellOneWay(deps: TellDeps, name: Way, way: TellingWay): Promise<number> {
  const tellings = await claimTellings(deps, name, way.atOnce);
  if (tellings.length === 0) return 0;
  const isTold = await way.tell(tellings, dateNow(deps.clock)).then(
    () => true,
    (error: unknown) => {
      deps.log.warn({ err: error, way: name, count: tellings.length }, 'alerts could not be told and are told later');
      return false;
    },
  );
  await settleTellings(deps, name, tellings, isTold);
  return tellings.length;
}
