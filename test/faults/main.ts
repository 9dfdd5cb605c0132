import { parseArgs } from 'node:util';
import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';
import { createLongSize, createPlan, embeddedSize } from './plan.ts';
import { type RunTarget, runFaults, type Verdict } from './run.ts';

/** Options of `npm run test:faults -- --seed 7 --rounds 3 --vendor twilio` (or `smpp`), or `--routing`. Exit code 1 when a promise was broken. */
const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    rounds: { type: 'string', default: '1' },
    messages: { type: 'string', default: '5000' },
    kills: { type: 'string', default: '50' },
    restarts: { type: 'string', default: '5' },
    embedded: { type: 'boolean', default: false },
    vendor: { type: 'string', default: 'gateway' },
    routing: { type: 'boolean', default: false },
  },
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const firstSeed = Number(values.seed ?? Date.now() % 1_000_000);
const wanted = { messages: Number(values.messages), kills: Number(values.kills), restarts: Number(values.restarts) };
const vendor = (['twilio', 'smpp'] as const).find((name) => name === values.vendor) ?? 'gateway';
let isGood = true;
if (values.routing && (vendor !== 'gateway' || values.embedded || !findServerPrograms())) {
  console.error('--routing takes the gateway and a PostgreSQL server of its own.');
  process.exit(2);
}

for (let round = 0; round < Number(values.rounds); round++) {
  const seed = firstSeed + round;
  const { problems, counts, logs } = await runOnce(seed);
  console.log(
    `\nseed ${seed}: ${problems.length === 0 ? 'every promise was kept' : `${problems.length} promises were broken`}`,
  );
  console.log(formatCounts(counts));
  // By kind: late responses by the thousand must not hide the one message that was sent twice.
  for (const [kind, ofKind] of Map.groupBy(problems, (problem) => problem.split(':')[0] ?? '')) {
    console.log(`${kind}: ${ofKind.length}`);
    for (const problem of ofKind.slice(0, 20)) console.log(`  - ${problem}`);
  }
  if (problems.length > 0) console.log(`The processes' logs: ${logs}`);
  isGood &&= problems.length === 0;
}
process.exit(isGood ? 0 : 1);

async function runOnce(seed: number): Promise<Verdict> {
  const programs = values.embedded ? null : findServerPrograms();
  if (!programs) {
    console.log(`seed ${seed}: on the embedded database, one process; no PostgreSQL server to restart`);
    const size = { ...createLongSize({ ...wanted, restarts: 0 }), maxMishaps: embeddedSize.maxMishaps };
    return runFaults(createPlan(seed, size), { database: { kind: 'embedded' }, processes: 1, vendor }, printCounts);
  }
  console.log(`seed ${seed}: on a PostgreSQL of its own, two processes`);
  const server = await startPostgresServer(programs);
  try {
    const runTarget: RunTarget = {
      database: { kind: 'postgres', url: server.url },
      server,
      processes: 2,
      vendor,
      hasRouting: values.routing,
    };
    return await runFaults(createPlan(seed, createLongSize(wanted)), runTarget, printCounts);
  } finally {
    await server.stop();
  }
}

function printCounts(counts: Record<string, number>): void {
  console.log(formatCounts(counts));
}

function formatCounts(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join('  ');
}
