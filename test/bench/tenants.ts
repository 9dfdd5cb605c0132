import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { median, storeMessages } from './cost.ts';
import type { GeneratorCounts, GeneratorLoad } from './generator.ts';
import { type LoadFigures, requireAllAccepted, runLoad } from './load.ts';
import type { Figure } from './table.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { type Attacker, backlog, createAttacker, sharedSecret } from './worst-tenant.ts';

const probesPerSecond = 40;
const probes = 160;
const rounds = { each: 3, all: 5 };
const stored = 30_000;
const target = 2;

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

/** Measures the acknowledgement of one location's webhooks while another location does its worst, beside an idle program. */
export async function measureTenants(serverUrl: string): Promise<Figure[]> {
  await using testbed = await startTestbed(serverUrl, { locations: 10, settings: { HIGHLEVEL_SHARED_SECRETS: sharedSecret } });
  const session = new pg.Client({ connectionString: testbed.databaseUrl });
  await session.connect();
  const generator = fork(join(import.meta.dirname, 'generator.ts'));
  const idleServer = fork(join(import.meta.dirname, 'generator.ts'), ['idle']);
  try {
    const [idlePort] = await once(idleServer, 'message');
    const [worst = '', other = ''] = testbed.locationIds;
    await storeMessages(session, [worst], stored);
    await testbed.request({ do: 'delay', ms: 200 });
    const attacker = await createAttacker(testbed, session, worst);
    const world = { testbed, session, generator, idleUrl: `http://127.0.0.1:${idlePort}`, worst, other };
    // Processes that have just started are slow.
    await measureRound(world, attacker, 'webhooks');
    const figures: Figure[] = [];
    for (const name of listWantedNames(attacker)) {
      const done: Round[] = [];
      for (let count = 0; count < (name === 'all' ? rounds.all : rounds.each); count++)
        done.push(await measureRound(world, attacker, name));
      figures.push(...toFigures(name, done));
    }
    return figures;
  } finally {
    generator.kill('SIGKILL');
    idleServer.kill('SIGKILL');
    await session.end();
  }
}

/** Returns the rounds to measure: `BENCH_TENANT='event streams,all'` picks some. */
function listWantedNames(attacker: Attacker): string[] {
  const wanted = process.env.BENCH_TENANT?.split(',');
  return [...attacker.names, 'all'].filter((name) => wanted?.includes(name) ?? true);
}

interface TenantsWorld {
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
  const shown = [idle, loaded, control].map(({ p50Ms, p95Ms, cpuP50Ms, cpuP95Ms }) =>
    [p50Ms, p95Ms, cpuP50Ms, cpuP95Ms].map((ms) => ms.toFixed(1)).join(' '),
  );
  console.log(`${name}: idle ${shown[0]}, loaded ${shown[1]}, at another server ${shown[2]}`);
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
async function clearQueue({ session, worst }: TenantsWorld): Promise<void> {
  for (let isEmpty = false; !isEmpty; ) {
    // Jobs that the program has locked go the next time: to wait for them would be a deadlock.
    await session.query(
      `DELETE FROM jobs WHERE (queue, message_id) IN (
         SELECT queue, message_id FROM jobs WHERE message_id IN (SELECT id FROM messages WHERE location_id = $1) FOR UPDATE SKIP LOCKED)`,
      [worst],
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

function toFigures(name: string, done: readonly Round[]): Figure[] {
  const figure = (quantile: Quantile, key: 'loaded' | 'control'): Figure => {
    const ratios = done.map((round) => round[key][quantile] / round.idle[quantile]).toSorted((a, b) => a - b);
    const ratio = median(ratios);
    const shown = `${name}${key === 'control' ? ', at another server' : ''}`;
    return {
      name: `a webhook beside another tenant’s ${shown}, ${quantiles[quantile]}`,
      ours: median(done.map((round) => round[key][quantile])),
      peer: `idle (ratios ${ratios[0]?.toFixed(2)} to ${ratios.at(-1)?.toFixed(2)})`,
      theirs: median(done.map(({ idle }) => idle[quantile])),
      ratio,
      ...(key === 'loaded' ? { target: `≤ ${target}`, isMet: ratio <= target } : {}),
    };
  };
  const { counts } = done.at(-1) as Round;
  for (const [kind, statuses] of Object.entries(counts)) console.log(`${name}: ${kind}`, statuses);
  return [
    figure('p50Ms', 'loaded'),
    figure('p95Ms', 'loaded'),
    figure('cpuP50Ms', 'loaded'),
    figure('cpuP95Ms', 'loaded'),
    figure('p50Ms', 'control'),
    figure('p95Ms', 'control'),
    {
      name: `cores that the program took beside another tenant’s ${name}`,
      ours: median(done.map(({ programCores }) => programCores)),
      peer: 'the load’s own process',
      theirs: median(done.map(({ generatorCores }) => generatorCores)),
    },
  ];
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
