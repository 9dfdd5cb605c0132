import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findServerPrograms } from '../support/postgres-server.ts';
import { findFreePorts } from '../support/program.ts';
import { readTreeCpuMs } from './cpu.ts';
import { requireAllAccepted, runLoad } from './load.ts';
import { type OwnStore, startOwnPostgres } from './own-postgres.ts';
import { startRedis } from './redis.ts';
import { type SimulatedMessages, startSimulator } from './simulator.ts';
import { pollUntil, readMemory, startTestbed, type Testbed, type TestbedOptions } from './testbed.ts';

/** The ways of getting a webhook to its reported status that are compared, each with a store and a simulated world of its own. */
export const pipelineTitles = {
  patchbay: 'Patchbay',
  bullmq_fsync: 'BullMQ, Redis with appendfsync always',
  bullmq_memory: 'BullMQ, Redis without a disk',
  pgboss: 'pg-boss on PostgreSQL',
} as const;
export type PipelineName = keyof typeof pipelineTitles;

export interface Pipeline extends SimulatedMessages {
  url: string;
  /** Returns the processor time so far of the program and of its store. */
  readCpuMs(): { program: number; store: number };
  /** Returns the most resident memory of the program so far, in MiB. */
  readPeakMemory(): number;
  stop(): Promise<void>;
}

const peers = join(import.meta.dirname, 'peers');
const locations = 200;
const contactsEach = 50;

/** Returns what the machine lacks for these benchmarks, or null. */
export function findMissingPrograms(): string | null {
  if (findServerPrograms() === null) return 'the programs of a PostgreSQL server';
  if (spawnSync('redis-server', ['--version']).status !== 0) return 'redis-server';
  return null;
}

/** Installs what only the peers need, once. */
export function installPeers(): void {
  if (existsSync(join(peers, 'node_modules', 'bullmq'))) return;
  spawnSync('npm', ['install', '--no-audit', '--no-fund', '--no-package-lock'], { cwd: peers, stdio: 'ignore' });
}

export function startPipeline(name: PipelineName): Promise<Pipeline> {
  switch (name) {
    case 'patchbay':
      return startPatchbay();
    case 'bullmq_fsync':
    case 'bullmq_memory':
      return startPeer('bullmq', () => startRedis(name === 'bullmq_fsync'));
    case 'pgboss':
      return startPeer('pgboss', startOwnPostgres);
  }
}

/** Starts the program with a PostgreSQL server of its own. */
export async function startPatchbay(options: TestbedOptions = {}): Promise<Pipeline & Testbed> {
  const store = await startOwnPostgres();
  const testbed = await startTestbed(store.url, { locations, contactsEach, ...options });
  const stop = async () => {
    await testbed[Symbol.asyncDispose]();
    await store.stop();
  };
  return {
    ...testbed,
    readCpuMs: () => ({
      program: testbed.listPids().reduce((total, pid) => total + readTreeCpuMs(pid), 0),
      store: readTreeCpuMs(store.pid),
    }),
    readPeakMemory: () => readMemory(testbed.program.child.pid as number).peak,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Starts a plain pipeline as people write it (`peers/pipeline.ts`). */
async function startPeer(kind: string, startStore: () => Promise<OwnStore>): Promise<Pipeline> {
  installPeers();
  const store = await startStore();
  const simulator = await startSimulator();
  const port = await findFreePorts();
  const url = `http://127.0.0.1:${port}`;
  const { ids, code } = await simulator.open({ baseUrl: url, locations, contactsEach });
  const child = spawn(process.execPath, [join(peers, 'pipeline.ts'), kind], {
    env: {
      ...process.env,
      ...{ NODE_ENV: 'production', PORT: String(port), STORE_URL: store.url, PUBLIC_KEY: simulator.publicKey },
      ...{ GATEWAY_URL: simulator.gatewayUrl, GATEWAY_SECRET: simulator.secret, HIGHLEVEL_URL: simulator.platformUrl },
      ...{ CODE: code, LOCATIONS: ids.join(',') },
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((done, failed) => {
    child.stdout.once('data', done);
    child.once('exit', () => failed(new Error(`The peer “${kind}” did not start.`)));
  });
  return {
    ...simulator,
    url,
    readCpuMs: () => ({ program: readTreeCpuMs(child.pid as number), store: readTreeCpuMs(store.pid) }),
    readPeakMemory: () => readMemory(child.pid as number).peak,
    async stop() {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
      simulator.stop();
      await store.stop();
    },
  };
}

/** Sends all messages at once and measures until HighLevel has the status of the last one, in messages a second. */
export async function measureRate(target: SimulatedMessages & { url: string }, count: number): Promise<number> {
  await target.resetStats();
  const messages = await target.createMessages(count);
  const startedAt = performance.now();
  requireAllAccepted(await runLoad(target.url, messages, { connections: 32 }));
  await pollUntil(async () => (await target.getStats()).reported >= count);
  return (1000 * count) / (performance.now() - startedAt);
}

/** Processor time a message, in milliseconds. */
export interface MessageCost {
  perSecond: number;
  program: number;
  store: number;
  both: number;
}

/** Measures until the program is idle again: what it does after the last report belongs to the cost of a message, too. */
export async function measureCost(pipeline: Pipeline, count: number): Promise<MessageCost> {
  const before = pipeline.readCpuMs();
  const perSecond = await measureRate(pipeline, count);
  let last = pipeline.readCpuMs();
  // A program that never rests is measured for two seconds more.
  for (let look = 0, isIdle = false; look < 10 && !isIdle; look++) {
    await new Promise((done) => setTimeout(done, 200));
    const now = pipeline.readCpuMs();
    isIdle = now.program - last.program <= 20;
    last = now;
  }
  const program = (last.program - before.program) / count;
  const store = (last.store - before.store) / count;
  return { perSecond, program, store, both: program + store };
}
