import { parseArgs } from 'node:util';
import pg from 'pg';
import { runLoad } from '../bench/load.ts';
import { pollUntil, readMemory, startTestbed, type Testbed } from '../bench/testbed.ts';
import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';
import { judgeSoak, type Sample } from './verdict.ts';

/**
 * `npm run test:soak -- --minutes 10`: one process on PostgreSQL under a steady load, and its memory meanwhile. The server is that of
 * TEST_DATABASE_URL, else one of its own. Exit code 1 when the memory grows.
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '10' }, rate: { type: 'string', default: '400' } },
});
const minutes = Number(values.minutes);
const perSecond = Number(values.rate);
const warmUpSeconds = Math.min(120, minutes * 12);
const sampleEverySeconds = 5;
/** Seconds of load that are created, signed and sent at a time. */
const batchSeconds = 5;

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
const programs = findServerPrograms();
const serverUrl = process.env.TEST_DATABASE_URL;
if (!serverUrl && !programs) {
  console.error('A soak test needs a PostgreSQL server: TEST_DATABASE_URL=postgresql://user@host/postgres npm run test:soak');
  process.exit(1);
}
const ownServer = serverUrl ? undefined : await startPostgresServer(programs as string);
let isGood = false;
try {
  await using testbed = await startTestbed(serverUrl ?? ownServer?.url ?? '');
  isGood = await runSoak(testbed);
} finally {
  await ownServer?.stop();
}
process.exit(isGood ? 0 : 1);

async function runSoak(testbed: Testbed): Promise<boolean> {
  const session = new pg.Client({ connectionString: testbed.databaseUrl });
  await session.connect();
  const startedAt = performance.now();
  const elapsed = () => (performance.now() - startedAt) / 1000;
  const samples: Sample[] = [];
  let sent = 0;
  let rejected = 0;

  console.log(`${perSecond} messages a second for ${minutes} minutes; the first ${warmUpSeconds} s are warm-up`);
  console.log('  second  resident MiB   jobs   reported');
  const sampling = (async () => {
    while (elapsed() < minutes * 60) {
      await new Promise((done) => setTimeout(done, sampleEverySeconds * 1000));
      const { rows } = await session.query<{ jobs: number }>('SELECT count(*)::int AS jobs FROM jobs');
      const { reported } = await testbed.getStats();
      const sample = {
        atSeconds: elapsed(),
        residentMib: readMemory(testbed.program.child.pid as number).now,
        jobs: rows[0]?.jobs ?? 0,
        reported,
      };
      samples.push(sample);
      const cells = [sample.atSeconds, sample.residentMib, sample.jobs, sample.reported];
      console.log(cells.map((cell, index) => String(Math.round(cell)).padStart(index === 1 ? 14 : 8)).join(''));
    }
  })();
  while (elapsed() < minutes * 60) {
    const messages = await testbed.createMessages(perSecond * batchSeconds);
    const figures = await runLoad(testbed.program.url, messages, { connections: 16, perSecond });
    sent += messages.length;
    rejected += figures.rejected;
  }
  await sampling;
  await pollUntil(async () => (await testbed.getStats()).reported >= sent - rejected, 120_000);
  await session.end();

  const { peak } = readMemory(testbed.program.child.pid as number);
  const steady = samples.filter(({ atSeconds }) => atSeconds >= warmUpSeconds);
  const { problems, slopeMibPerHour, firstThirdMib, lastThirdMib } = judgeSoak(steady, peak);
  if (rejected > 0) problems.push(`${rejected} webhooks were refused.`);
  console.log(
    `\n${sent} messages, all reported. First third ${firstThirdMib.toFixed(1)} MiB, last third ${lastThirdMib.toFixed(1)} MiB, ` +
      `peak ${peak.toFixed(1)} MiB, slope ${slopeMibPerHour.toFixed(1)} MiB an hour`,
  );
  console.log(problems.length === 0 ? 'It does not grow.' : problems.map((problem) => `  - ${problem}`).join('\n'));
  return problems.length === 0;
}
