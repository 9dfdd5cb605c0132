import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');

/** Below the range from which the system takes ports for connections; each of Jest's workers in a stretch of its own, each run at a place of its own. */
let nextPort = 20_000 + 1_000 * (Number(process.env.JEST_WORKER_ID ?? 0) % 10) + 2 * (process.pid % 400);

/** Two ports next to each other that nobody uses: sandbox mode takes both. */
export async function findFreePorts(): Promise<number> {
  for (;;) {
    const port = nextPort;
    nextPort += 2;
    if ((await isPortFree(port)) && (await isPortFree(port + 1))) return port;
  }
}

async function isPortFree(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = await new Promise<boolean>((done) => {
    server.once('error', () => done(false));
    server.listen(port, () => done(true));
  });
  if (isListening) await new Promise((done) => server.close(done));
  return isListening;
}

export function createTemporaryFolder(): { path: string; [Symbol.dispose](): void } {
  const path = mkdtempSync(join(tmpdir(), 'patchbay-program-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}

export interface Program {
  url: string;
  child: ChildProcess;
  output(): string;
  /** Ends it. @returns its exit code, null when it was killed */
  end(signal: NodeJS.Signals): Promise<number | null>;
  [Symbol.asyncDispose](): Promise<void>;
}

const compiled = resolve(root, 'node_modules/.cache/patchbay');

/** How the program is started: as an image does, away from any `.env` of this folder, or as the README says. */
const commands = {
  node: {
    command: process.execPath,
    args: ['--max-semi-space-size=16', '--no-allocation-site-pretenuring', resolve(root, 'src/main.ts')],
    cwd: tmpdir(),
  },
  doctor: { command: process.execPath, args: [resolve(root, 'src/commands/doctor.ts'), '--json'], cwd: tmpdir() },
  'rotate-keys': { command: process.execPath, args: [resolve(root, 'src/commands/rotate-keys.ts')], cwd: tmpdir() },
  export: { command: process.execPath, args: [resolve(root, 'src/commands/export.ts')], cwd: tmpdir() },
  import: { command: process.execPath, args: [resolve(root, 'src/commands/import.ts')], cwd: tmpdir() },
  npm: { command: 'npm', args: ['start'], cwd: root },
};

/** Another way to start it: a copy of the program elsewhere, perhaps as another user. */
export interface Command {
  command: string;
  args: string[];
  cwd: string;
  uid?: number | undefined;
}

/** Starts the real program as a process of its own. @param output a file's descriptor, or `pipe` */
export function spawnProgram(
  environment: Record<string, string>,
  by: keyof typeof commands | Command,
  output: 'pipe' | number,
  more: readonly string[] = [],
): ChildProcess {
  const { PATH = '', HOME = '' } = process.env;
  const { command, args, cwd, uid }: Command = typeof by === 'string' ? commands[by] : by;
  const env = { PATH, HOME, NODE_COMPILE_CACHE: compiled, LOG_LEVEL: 'info', ...environment };
  const user = uid === undefined ? {} : { uid, gid: uid };
  return spawn(command, [...args, ...more], { cwd, env, stdio: ['ignore', output, output], ...user });
}

/** Starts the real program as a process of its own and waits until it is ready, or, with `isReady: false`, until it has ended. */
export async function startProgram(
  environment: Record<string, string>,
  { isReady = true, by = 'node', args = [] }: { isReady?: boolean; by?: keyof typeof commands | Command; args?: string[] } = {},
): Promise<Program> {
  const child = spawnProgram(environment, by, 'pipe', args);
  let output = '';
  child.stdout?.on('data', (chunk) => (output += chunk));
  child.stderr?.on('data', (chunk) => (output += chunk));
  // Not its exit: what it has printed comes after that.
  const ended = new Promise<number | null>((done) => child.once('close', (code) => done(code)));
  const url = `http://127.0.0.1:${environment.PORT}`;
  const program: Program = {
    url,
    child,
    output: () => output,
    end(signal) {
      child.kill(signal);
      return ended;
    },
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
    },
  };
  if (!isReady) {
    await ended;
    return program;
  }
  const timeoutAt = performance.now() + 60_000;
  for (;;) {
    const response = await fetch(`${url}/readyz`).catch(() => null);
    if (response?.status === 200) return program;
    if (child.exitCode !== null || performance.now() > timeoutAt) throw new Error(`The program did not start:\n${output}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Polls until the condition holds: what is waited for happens in another process, in real time. */
export async function pollUntil(condition: () => unknown, description: string, timeoutMs = 60_000): Promise<void> {
  const timeoutAt = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > timeoutAt) throw new Error(`It never came about: ${description}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** Stops a process by SIGTERM. @returns its exit code, null when it had to be killed */
export function stopChild(child: ChildProcess, timeoutMs: number): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((done) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    child.once('exit', (code) => {
      clearTimeout(timer);
      done(code);
    });
    child.kill('SIGTERM');
  });
}
