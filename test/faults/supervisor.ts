import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findFreePorts, spawnProgram, stopChild } from '../support/program.ts';

/** Supervisor of the program's processes: it restarts each one that ends, as an operator's machine does. */
export interface Supervisor {
  ports(): readonly number[];
  /** Kills one process with `kill -9`, at work or not. */
  kill(processIndex: number): void;
  /** Kills so far; times are of the machine's clock. */
  kills: Kill[];
  /** Exits of processes that were not killed. */
  unexpectedExits: { startedAt: number; at: number; wasRunning: boolean; output: string }[];
  /** Sends `SIGTERM` to all. @returns their exit codes, null for one that had to be killed */
  stop(): Promise<(number | null)[]>;
}

export interface Kill {
  at: number;
  processIndex: number;
}

const restartDelayMs = 200;
const stopTimeoutMs = 15_000;

/** Starts the processes. @param environments one a process, without its port. @param logs a folder */
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
  // An interrupted run leaves no process behind.
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
      return Promise.all(children.map((child) => stopChild(child, stopTimeoutMs)));
    },
  };
}
