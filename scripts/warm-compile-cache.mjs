// Starts the program once in sandbox mode and stops it, so that NODE_COMPILE_CACHE holds its compiled code. The Dockerfile runs it.
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const cache = process.env.NODE_COMPILE_CACHE;
if (!cache) throw new Error('Set NODE_COMPILE_CACHE to the folder that is to be filled.');

const dataDir = mkdtempSync(join(tmpdir(), 'patchbay-warm-'));
const port = await findFreePort();
const child = spawn(
  process.execPath,
  ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=16', '--no-allocation-site-pretenuring', 'src/main.ts'],
  {
    env: { PATH: process.env.PATH, NODE_COMPILE_CACHE: cache, DATA_DIR: dataDir, PORT: String(port), LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
const ended = new Promise((done) => child.once('exit', done));

const timeoutAt = performance.now() + 120_000;
while (!(await isReady())) {
  if (child.exitCode !== null || performance.now() > timeoutAt) {
    child.kill('SIGKILL');
    throw new Error('The program did not start.');
  }
  await new Promise((done) => setTimeout(done, 100));
}
child.kill('SIGTERM');
const exitCode = await ended;
rmSync(dataDir, { recursive: true, force: true });
if (exitCode !== 0) throw new Error(`The program ended with exit code ${exitCode}.`);

// The program creates files for its own user alone; in the image they belong to root, and each user may read them.
for (const name of readdirSync(cache, { recursive: true, encoding: 'utf8' })) {
  const path = join(cache, name);
  chmodSync(path, statSync(path).isDirectory() ? 0o755 : 0o644);
}
chmodSync(cache, 0o755);

async function isReady() {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
  return response?.status === 200;
}

/** Finds a port that is free together with the next one, which the simulated HighLevel takes. */
async function findFreePort() {
  for (let port = 20_000; port < 30_000; port += 2) {
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error('No free ports.');
}

async function isFree(port) {
  const server = createServer();
  const isListening = await new Promise((done) => {
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => done(true));
  });
  if (isListening) await new Promise((done) => server.close(done));
  return isListening;
}
