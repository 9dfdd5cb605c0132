import { createPlan, embeddedSize, shortSize } from '../faults/plan.ts';
import { type RunTarget, runFaults } from '../faults/run.ts';
import { createTestDatabase } from '../support/databases.ts';
import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';

// The short form of `npm run test:faults`. A failure names its seed, which can be run there again.
const seed = Number(process.env.FAULTS_SEED ?? Date.now() % 1_000_000);
const programs = findServerPrograms();
// What settles last waits for a fresh token.
const withinMs = 240_000;
const promise = `every acknowledged message is sent once, and reported truly and in order, under kills and failures of any part (seed ${seed})`;

async function expectAllKept(size: typeof shortSize, where: RunTarget): Promise<void> {
  const { problems, counts } = await runFaults(createPlan(seed, size), where, () => {});
  expect(problems).toEqual([]);
  expect(counts.acknowledged).toBeGreaterThan(size.messages / 2);
  expect(counts.kills).toBe(size.kills);
  expect(counts.restarts).toBe(where.server ? size.restarts : 0);
}

if (process.env.TEST_DATABASE !== 'postgres') {
  test(
    `one process on the embedded database: ${promise}`,
    () => expectAllKept(embeddedSize, { database: { kind: 'embedded' }, processes: 1 }),
    withinMs,
  );
} else if (programs) {
  test(
    `two processes and a PostgreSQL that is restarted: ${promise}`,
    async () => {
      const server = await startPostgresServer(programs);
      try {
        await expectAllKept(shortSize, { database: { kind: 'postgres', url: server.url }, server, processes: 2 });
      } finally {
        await server.stop();
      }
    },
    withinMs,
  );
} else {
  test(
    `two processes; no restart of PostgreSQL, as its server's programs are not here: ${promise}`,
    async () => {
      const { target, remove } = await createTestDatabase();
      try {
        const database = target as Extract<typeof target, { kind: 'postgres' }>;
        await expectAllKept(shortSize, { database, processes: 2 });
      } finally {
        await remove();
      }
    },
    withinMs,
  );
}
