import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Arena, memoryOf, openArena, whenDone } from '../bench/arena.ts';
import { underLoad } from '../bench/load.ts';
import { serverPrograms, startOwnServer } from '../support/own-server.ts';
import { type Sample, verdictOf } from './verdict.ts';

/**
 * `npm run test:soak -- --minutes 10`: one process on PostgreSQL under a steady load, and what it keeps in memory meanwhile. The server
 * is that of TEST_DATABASE_URL, else one of its own. Exit code 1 when it grows.
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '400' } },
});
const minutes = Number(values.minutes);
const perSecond = Number(values.rate);
const warmUpSeconds = Math.min(120, minutes * 12);
const sampleEverySeconds = 5;
/** So many messages are made, signed and sent at a time. */
const batchSeconds = 5;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const programs = serverPrograms();
const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl && !programs) {
  console.error('A soak test needs a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run test:soak');
  process.exit(1);
}
const own = serverUrl ? undefined : await startOwnServer(programs as string);
let isGood = false;
try {
  await using arena = await openArena(serverUrl ?? own?.url ?? '');
  isGood = await soak(arena);
} finally {
  await own?.stop();
}
process.exit(isGood ? 0 : 1);

async function soak(arena: Arena): Promise<boolean> {
  const session = new pg.Client({ connectionString: arena.databaseUrl });
  await session.connect();
  const begunAt = performance.now();
  const elapsed = () => (performance.now() - begunAt) / 1000;
  const samples: Sample[] = [];
  let sent = 0;
  let refused = 0;

  console.log(`${perSecond} messages a second for ${minutes} minutes; the first ${warmUpSeconds} s are warm-up`);
  console.log('  second  resident MiB   jobs   reported');
  const sampling = (async () => {
    while (elapsed() < minutes * 60) {
      await new Promise((done) => setTimeout(done, sampleEverySeconds * 1000));
      const { rows } = await session.query<{ jobs: number }>('SELECT count(*)::int AS jobs FROM jobs');
      const { reported } = await arena.seen();
      const sample = { atSeconds: elapsed(), residentMib: memoryOf(arena.program).now, jobs: rows[0]?.jobs ?? 0, reported };
      samples.push(sample);
      const cells = [sample.atSeconds, sample.residentMib, sample.jobs, sample.reported];
      console.log(cells.map((cell, index) => String(Math.round(cell)).padStart(index === 1 ? 14 : 8)).join(''));
    }
  })();
  while (elapsed() < minutes * 60) {
    const messages = await arena.messages(perSecond * batchSeconds);
    const figures = await underLoad(arena.program.url, messages, { connections: 16, perSecond });
    sent += messages.length;
    refused += figures.refused;
  }
  await sampling;
  await whenDone(async () => (await arena.seen()).reported >= sent - refused, 120_000);
  await session.end();

  const { peak } = memoryOf(arena.program);
  const steady = samples.filter(({ atSeconds }) => atSeconds >= warmUpSeconds);
  const { wrong, slopeMibPerHour, firstThirdMib, lastThirdMib } = verdictOf(steady, peak);
  if (refused > 0) wrong.push(`${refused} webhooks were refused.`);
  console.log(
    `\n${sent} messages, all reported. First third ${firstThirdMib.toFixed(1)} MiB, last third ${lastThirdMib.toFixed(1)} MiB, ` +
      `peak ${peak.toFixed(1)} MiB, slope ${slopeMibPerHour.toFixed(1)} MiB an hour`,
  );
  console.log(wrong.length === 0 ? 'It does not grow.' : wrong.map((what) => `  - ${what}`).join('\n'));
  return wrong.length === 0;
}
