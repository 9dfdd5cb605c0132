import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePorts, spawnProgram } from '../support/program.ts';

/** Keeps processes of the program running, as an operator's machine does: whichever ends is started again. */
export interface Supervisor {
  ports(): readonly number[];
  /** `kill -9` of one of them, whatever it is doing. */
  kill(processIndex: number): void;
  /** When which was killed, by the machine's clock. */
  kills: Kill[];
  /** How processes ended that nobody had killed. */
  unexpectedExits: { startedAt: number; at: number; wasRunning: boolean; output: string }[];
  /** `SIGTERM` to all. @returns their exit codes, null for one that had to be killed */
  stop(): Promise<(number | null)[]>;
}

export interface Kill {
  at: number;
  processIndex: number;
}

const restartDelayMs = 200;
const stopTimeoutMs = 15_000;

/** @param environments one a process, without its port. @param logs a folder */
export async function startSupervisor(environments: readonly Record<string, string>[], logs: string): Promise<Supervisor> {
  const kills: Kill[] = [];
  const unexpectedExits: Supervisor['unexpectedExits'] = [];
  const ports: number[] = [];
  for (const _ of environments) ports.push(await findFreePorts());
  const children: ChildProcess[] = [];
  let isStopping = false;
  let starts = 0;

  function start(processIndex: number): void {
    const file = join(logs, `process-${processIndex}-start-${starts++}.log`);
    const logFile = openSync(file, 'a');
    const child = spawnProgram({ ...environments[processIndex], PORT: String(ports[processIndex]) }, 'node', logFile);
    closeSync(logFile);
    const startedAt = Date.now();
    children[processIndex] = child;
    child.once('exit', (_code, signal) => {
      if (isStopping) return;
      if (signal !== 'SIGKILL') {
        const output = readFileSync(file, 'utf8');
        unexpectedExits.push({
          startedAt,
          at: Date.now(),
          wasRunning: output.includes('Patchbay is running'),
          output: output.slice(-1_000),
        });
      }
      setTimeout(() => isStopping || start(processIndex), restartDelayMs);
    });
  }
  for (const processIndex of environments.keys()) start(processIndex);
  // Whoever stops a run by hand leaves nothing running.
  const killAll = () => children.forEach((child) => void child.kill('SIGKILL'));
  process.once('exit', killAll);

  return {
    ports: () => ports,
    kills,
    unexpectedExits,
    kill(processIndex) {
      kills.push({ at: Date.now(), processIndex });
      children[processIndex]?.kill('SIGKILL');
    },
    stop() {
      isStopping = true;
      process.off('exit', killAll);
      return Promise.all(children.map(stopProcess));
    },
  };
}

function stopProcess(child: ChildProcess): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      done(code);
    });
    child.kill('SIGTERM');
  });
}
