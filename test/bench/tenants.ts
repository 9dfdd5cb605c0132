import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Bench } from './bench.ts';
import { storeMessages } from './cost.ts';
import type { GeneratorCounts, GeneratorLoad } from './generator.ts';
import { type LoadFigures, requireAllAccepted, runLoad } from './load.ts';
import { compare, type Figure, measured } from './table.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { median } from './turns.ts';
import { type Attacker, backlog, createAttacker, sharedSecret } from './worst-tenant.ts';

const probesPerSecond = 40;
const probes = 160;
const rounds = { each: 3, all: 5 };
const stored = 30_000;
/** The most that another tenant may add to the idle time, as a ratio. */
const atMost = 2;

/** One round: the same webhooks without a load, beside the tenant's load, and beside the same load on another server. */
interface Round {
  idle: LoadFigures;
  loaded: LoadFigures;
  control: LoadFigures;
  /** Cores that the processes took while loaded. */
  programCores: number;
  generatorCores: number;
  counts: GeneratorCounts;
}

/** Set-ups of the program, and the kinds of load that are measured beside each; null for every kind. */
const setUps = [
  { title: 'web and worker apart', role: 'web', kinds: null },
  { title: 'one process', role: 'all', kinds: ['webhooks', 'all'] },
] as const;
type SetUp = (typeof setUps)[number];

/** Measures the acknowledgement of one location's webhooks while another location does its worst, beside an idle program. */
export async function* measureTenants(bench: Bench): AsyncGenerator<Figure> {
  for (const setUp of setUps) yield* measureSetUp(bench, setUp);
}

async function* measureSetUp(bench: Bench, { title, role, kinds }: SetUp): AsyncGenerator<Figure> {
  await using testbed = await startTestbed(bench.serverUrl, {
    ...{ locations: 10, role, settings: { HIGHLEVEL_SHARED_SECRETS: sharedSecret } },
  });
  if (role === 'web') await testbed.startAnother('worker');
  const session = new pg.Client({ connectionString: testbed.databaseUrl });
  await session.connect();
  const generator = fork(join(import.meta.dirname, 'generator.ts'));
  const idleServer = fork(join(import.meta.dirname, 'generator.ts'), ['idle']);
  try {
    const [idlePort] = await once(idleServer, 'message');
    const [worst = '', other = ''] = testbed.locationIds;
    await storeMessages(session, [worst], stored);
    await testbed.setDelay(200);
    const attacker = await createAttacker(testbed, session, worst);
    const world = { bench, testbed, session, generator, idleUrl: `http://127.0.0.1:${idlePort}`, worst, other };
    // Processes that have just started are slow.
    await measureRound(world, attacker, 'webhooks');
    for (const name of listWantedNames(attacker, kinds)) {
      const done: Round[] = [];
      for (let count = 0; count < (name === 'all' ? rounds.all : rounds.each); count++) {
        bench.report(`${title}, ${name}, round ${count + 1}`);
        done.push(await measureRound(world, attacker, name));
      }
      yield* toFigures(`${name}, ${title}`, done);
    }
  } finally {
    generator.kill('SIGKILL');
    idleServer.kill('SIGKILL');
    await session.end();
  }
}

/** Returns the rounds to measure: `BENCH_TENANT='event streams,all'` picks some. */
function listWantedNames(attacker: Attacker, kinds: readonly string[] | null): string[] {
  const wanted = process.env.BENCH_TENANT?.split(',');
  return [...attacker.names, 'all'].filter((name) => (kinds?.includes(name) ?? true) && (wanted?.includes(name) ?? true));
}

interface TenantsWorld {
  bench: Bench;
  testbed: Testbed;
  session: pg.Client;
  generator: ChildProcess;
  idleUrl: string;
  worst: string;
  other: string;
}

async function measureRound(world: TenantsWorld, attacker: Attacker, name: string): Promise<Round> {
  const { testbed, generator } = world;
  const { url } = testbed.program;
  await clearQueue(world);
  const idle = await probe(world);
  if (name === 'all' || name === backlog.name) {
    requireAllAccepted(await runLoad(url, await testbed.createMessages(backlog.count, world.worst), { connections: 32 }));
  }
  const kinds = (await attacker.createKinds()).filter((kind) => name === 'all' || kind.name === name);
  await setLoad(generator, { url, kinds });
  await pause(1_000);
  const startedAt = performance.now();
  const pids = [testbed.program.child.pid, generator.pid];
  const before = pids.map(readCpuSeconds);
  const loaded = await probe(world);
  const after = pids.map(readCpuSeconds);
  const seconds = (performance.now() - startedAt) / 1000;
  const counts = await setLoad(generator, { url, kinds: [] });
  await clearQueue(world);

  const sameLoad = kinds.map((kind) => ({ ...kind, perSecond: sum(counts[kind.name]) / (seconds + 1) || 1 }));
  await setLoad(generator, { url: world.idleUrl, kinds: sameLoad });
  await pause(1_000);
  const control = await probe(world);
  await setLoad(generator, { url, kinds: [] });
  const [programCores = 0, generatorCores = 0] = after.map((value, index) => (value - (before[index] ?? 0)) / seconds);
  return { idle, loaded, control, programCores, generatorCores, counts };
}

async function probe({ testbed, other }: TenantsWorld): Promise<LoadFigures> {
  const messages = await testbed.createMessages(probes, other);
  return requireAllAccepted(
    await runLoad(testbed.program.url, messages, {
      connections: 8,
      perSecond: probesPerSecond,
      readCpuMs: () => readMainThreadMs(testbed.program.child.pid),
    }),
  );
}

/** Deletes the jobs that the load has left, so that the next round starts as the last one did. */
async function clearQueue({ session }: TenantsWorld): Promise<void> {
  for (let isEmpty = false; !isEmpty; ) {
    // Jobs that the program has locked go the next time: to wait for them would be a deadlock.
    await session.query(
      `DELETE FROM jobs WHERE (queue, message_id) IN (
         SELECT queue, message_id FROM jobs FOR UPDATE SKIP LOCKED)`,
    );
    await pause(500);
    isEmpty = (await session.query('SELECT FROM jobs LIMIT 1')).rowCount === 0;
  }
}

/** Replaces the load. @returns the counts of the load before */
async function setLoad(generator: ChildProcess, load: GeneratorLoad): Promise<GeneratorCounts> {
  const response = once(generator, 'message');
  generator.send(load);
  const [counts] = await response;
  return counts;
}

const quantiles = {
  p50Ms: 'p50, ms',
  p95Ms: 'p95, ms',
  cpuP50Ms: 'p50, ms of the event loop',
  cpuP95Ms: 'p95, ms of the event loop',
} as const;
type Quantile = keyof typeof quantiles;

function* toFigures(name: string, done: readonly Round[]): Generator<Figure> {
  const figure = (quantile: Quantile, key: 'loaded' | 'control'): Figure => {
    const turnsOf = (part: 'loaded' | 'control' | 'idle') => done.map((round) => round[part][quantile]);
    const title = `beside ${name}${key === 'control' ? ' (control)' : ''}, ${quantiles[quantile]}`;
    const hasTarget = key === 'loaded' && quantile === 'p50Ms';
    return compare(title, turnsOf(key), { name: 'idle', turns: turnsOf('idle') }, hasTarget ? { atMost } : undefined);
  };
  for (const quantile of Object.keys(quantiles) as Quantile[]) yield figure(quantile, 'loaded');
  for (const quantile of ['p50Ms', 'p95Ms'] as const) yield figure(quantile, 'control');
  yield measured(`cores of the program beside ${name}`, median(done.map(({ programCores }) => programCores)));
}

/** Returns the processor time of the program's event loop: the machine's other load does not count. */
function readMainThreadMs(pid: number | undefined): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e6;
}

/** Returns the processor time of a process so far: the 14th and 15th field of its line, in hundredths. */
function readCpuSeconds(pid: number | undefined): number {
  const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function sum(values: Record<string, number> = {}): number {
  return Object.values(values).reduce((total, value) => total + value, 0);
}

function pause(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}
