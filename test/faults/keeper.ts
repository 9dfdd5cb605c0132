import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePorts, spawnProgram } from '../support/program.ts';

/** Keeps processes of the program running, as an operator's machine does: whichever ends is started again. */
export interface Keeper {
  ports(): readonly number[];
  /** `kill -9` of one of them, whatever it is doing. */
  kill(which: number): void;
  /** When which was killed, by the machine's clock. */
  kills: Kill[];
  /** How processes ended that nobody had killed. */
  ended: { begunAt: number; at: number; wasRunning: boolean; said: string }[];
  /** `SIGTERM` to all. @returns their exit codes, null for one that had to be killed */
  stop(): Promise<(number | null)[]>;
}

export interface Kill {
  at: number;
  which: number;
}

const againAfterMs = 200;
const stopWithinMs = 15_000;

/** @param environments one a process, without its port. @param logs a folder */
export async function startKeeper(environments: readonly Record<string, string>[], logs: string): Promise<Keeper> {
  const kills: Kill[] = [];
  const ended: Keeper['ended'] = [];
  const ports: number[] = [];
  for (const _ of environments) ports.push(await freePorts());
  const children: ChildProcess[] = [];
  let isStopping = false;
  let starts = 0;

  function start(which: number): void {
    const file = join(logs, `process-${which}-start-${starts++}.log`);
    const output = openSync(file, 'a');
    const child = spawnProgram({ ...environments[which], PORT: String(ports[which]) }, 'node', output);
    closeSync(output);
    const begunAt = Date.now();
    children[which] = child;
    child.once('exit', (_code, signal) => {
      if (isStopping) return;
      if (signal !== 'SIGKILL') {
        const said = readFileSync(file, 'utf8');
        ended.push({ begunAt, at: Date.now(), wasRunning: said.includes('Patchbay is running'), said: said.slice(-1_000) });
      }
      setTimeout(() => isStopping || start(which), againAfterMs);
    });
  }
  for (const which of environments.keys()) start(which);
  // Whoever stops a run by hand leaves nothing running.
  const killAll = () => children.forEach((child) => void child.kill('SIGKILL'));
  process.once('exit', killAll);

  return {
    ports: () => ports,
    kills,
    ended,
    kill(which) {
      kills.push({ at: Date.now(), which });
      children[which]?.kill('SIGKILL');
    },
    stop() {
      isStopping = true;
      process.off('exit', killAll);
      return Promise.all(children.map(endOf));
    },
  };
}

function endOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      done(code);
    });
    child.kill('SIGTERM');
  });
}
