import { parseArgs } from 'node:util';
import { serverPrograms, startOwnServer } from '../support/own-server.ts';
import { embeddedSize, longSize, planOf } from './plan.ts';
import { faultRun, type Verdict, type Where } from './run.ts';

/** `npm run test:faults -- --seed 7 --rounds 3`. Exit code 1 when a promise was broken. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    messages: { type: 'string', default: '5000' },
    kills: { type: 'string', default: '50' },
    restarts: { type: 'string', default: '5' },
    embedded: { type: 'boolean', default: false },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const firstSeed = Number(values.seed ?? Date.now() % 1_000_000);
const wanted = { messages: Number(values.messages), kills: Number(values.kills), restarts: Number(values.restarts) };
let isGood = true;

for (let round = 0; round < Number(values.rounds); round++) {
  const seed = firstSeed + round;
  const { wrong, counts, logs } = await oneRun(seed);
  console.log(`\nseed ${seed}: ${wrong.length === 0 ? 'every promise was kept' : `${wrong.length} promises were broken`}`);
  console.log(inLine(counts));
  for (const what of wrong.slice(0, 50)) console.log(`  - ${what}`);
  if (wrong.length > 0) console.log(`The processes' logs: ${logs}`);
  isGood &&= wrong.length === 0;
}
process.exit(isGood ? 0 : 1);

async function oneRun(seed: number): Promise<Verdict> {
  const programs = values.embedded ? null : serverPrograms();
  if (!programs) {
    console.log(`seed ${seed}: on the embedded database, one process; no PostgreSQL server to restart`);
    const size = { ...longSize({ ...wanted, restarts: 0 }), mishapsAtMost: embeddedSize.mishapsAtMost };
    return faultRun(planOf(seed, size), { database: { kind: 'embedded' }, processes: 1 }, tell);
  }
  console.log(`seed ${seed}: on a PostgreSQL of its own, two processes`);
  const server = await startOwnServer(programs);
  try {
    const where: Where = { database: { kind: 'postgres', url: server.url }, server, processes: 2 };
    return await faultRun(planOf(seed, longSize(wanted)), where, tell);
  } finally {
    await server.stop();
  }
}

function tell(counts: Record<string, number>): void {
  console.log(inLine(counts));
}

function inLine(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join('  ');
}
