import type { ChildProcess } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { spawnProgram, stopChild } from '../support/program.ts';
import type { Host } from './network.ts';

/** One process of the program on a host of its own. */
export interface ProgramOnHost {
  readonly host: Host;
  readonly child: ChildProcess;
  readonly url: string;
  /** File of its log. */
  readonly log: string;
}

export const port = 3_000;
const stopTimeoutMs = 90_000;
const main = resolve(import.meta.dirname, '../../src/main.ts');

/** Starts the program on a host, with a data folder of its own. */
export function startOnHost(host: Host, environment: Record<string, string>, folder: string): ProgramOnHost {
  const dataDir = join(folder, host.name);
  mkdirSync(dataDir, { recursive: true });
  const log = join(folder, `${host.name}.log`);
  const file = openSync(log, 'a');
  const [command = '', ...args] = [
    ...host.prefix,
    process.execPath,
    '--max-semi-space-size=16',
    '--no-allocation-site-pretenuring',
    main,
  ];
  const child = spawnProgram(
    { ...environment, DATA_DIR: dataDir, PORT: String(port), HOST: '0.0.0.0' },
    { command, args, cwd: dataDir },
    file,
  );
  closeSync(file);
  return { host, child, url: `http://${host.address}:${port}`, log };
}

/** Stops it. @returns its exit code, null when it had to be killed */
export function stopOnHost({ child }: ProgramOnHost): Promise<number | null> {
  return stopChild(child, stopTimeoutMs);
}
