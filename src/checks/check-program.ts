import type { Clock } from '../core/clock.ts';
import { createTimedCache } from '../runtime/timed-cache.ts';
import { type Check, toCheck } from './check.ts';
import { checkAddress } from './check-address.ts';
import { checkDatabase } from './check-database.ts';
import { checkAppSettings, checkKeys } from './check-highlevel.ts';
import { checkRecorded, type RecordedDeps } from './check-recorded.ts';
import { checkBucket, checkDisk, checkMail } from './check-resources.ts';
import type { Environment } from './environment.ts';

interface ProgramCheck {
  readonly name: string;
  /** Time for which a result is shown again: pages poll, and each of these asks another system. */
  readonly keptMs: number;
  run(environment: Environment): Promise<Check[]>;
}

/** Checks of the program beside those of its records: the command, the API and the page show the lines of this table. */
const programChecks: readonly ProgramCheck[] = [
  { name: 'database', keptMs: 5_000, run: checkDatabase },
  { name: 'address', keptMs: 60_000, run: checkAddress },
  { name: 'keys', keptMs: 5 * 60_000, run: checkKeys },
  { name: 'app', keptMs: 0, run: checkAppSettings },
  { name: 'disk', keptMs: 5_000, run: checkDisk },
  { name: 'bucket', keptMs: 5 * 60_000, run: checkBucket },
  { name: 'mail', keptMs: 5 * 60_000, run: checkMail },
];

/** Checks the whole program. @param recorded null where its records can't be read */
export type CheckProgram = (environment: Environment, recorded: RecordedDeps | null) => Promise<Check[]>;

/** Creates the check of the program. Results are kept for a while, by the clock. */
export function createProgramCheck(clock: Pick<Clock, 'now'>): CheckProgram {
  const caches = new Map(programChecks.map(({ name, keptMs }) => [name, createTimedCache<Check[]>(clock, keptMs)]));
  return async (environment, recorded) => {
    const lines = await Promise.all([
      ...programChecks.map(({ name, run }) =>
        (caches.get(name) as ReturnType<typeof createTimedCache<Check[]>>)(name, () =>
          withProblem(name, () => run(environment)),
        ),
      ),
      ...(recorded ? [withProblem('records', () => checkRecorded(recorded))] : []),
    ]);
    return lines.flat();
  };
}

/** A check that breaks is a line as well: the others are still shown. */
async function withProblem(name: string, run: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await run();
  } catch (error) {
    return [toCheck(name, 'failed', 'check_broken', { message: (error as Error).message })];
  }
}
