import { canMakeHosts } from './network.ts';
import { findMissingPrograms } from './servers.ts';

const missing = canMakeHosts() ? findMissingPrograms() : 'the right to make network namespaces';
if (missing) console.log(`This machine lacks ${missing}: the tests with hosts of their own are skipped.`);

/** `test`, where this machine can run a scenario. */
export const scenario = missing ? test.skip : test;

/** The seed of a run; a failed one can be repeated with its seed. */
export const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);

export const timeoutMs = 400_000;

/** Prints a figure that docs/scaling.md names. */
export function printFigure(line: string): void {
  process.stderr.write(`${line}\n`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
