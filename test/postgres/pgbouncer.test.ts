import pg from 'pg';
import { openDatabase } from '../../src/database/client.ts';
import type { Log } from '../../src/runtime/log.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';
import { advisoryLockHere } from '../support/databases.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { createTemporaryFolder, findFreePorts, pollUntil, startProgram } from '../support/program.ts';

const program = findPgbouncer() ?? '';
const whereInstalled = program ? test : test.skip;
if (!program) console.log('PgBouncer is not installed here: the tests through it are skipped.');

const production = {
  ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'),
  SESSION_SECRETS: 'a session secret of the tests',
  HIGHLEVEL_CLIENT_ID: 'a-b',
  HIGHLEVEL_CLIENT_SECRET: 'c',
};

/** Runs transactions without a pause through the pooler, as a busy older version does. */
function startLoad(url: string) {
  let isOver = false;
  const workers = Array.from({ length: 4 }, async () => {
    const session = new pg.Client({ connectionString: url });
    await session.connect();
    while (!isOver) {
      await session.query('BEGIN');
      await session.query('SELECT pg_sleep(0.01)');
      await session.query('COMMIT');
    }
    await session.end();
  });
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(workers);
    },
  };
}

whereInstalled(
  'four processes that start at once under load through PgBouncer all come up, and log the setting that LISTEN needs',
  async () => {
    await using admin = await createAdministeredDatabase();
    await using pooler = await startPgbouncer(program, admin.url, 4);
    await admin.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    {
      await using _load = startLoad(pooler.url);
      using folder = createTemporaryFolder();
      const start = async (role: string) =>
        startProgram({
          ...production,
          DATA_DIR: folder.path,
          DATABASE_URL: pooler.url,
          PORT: String(await findFreePorts()),
          ROLE: role,
        });
      const programs = await Promise.all(['web', 'worker', 'worker', 'all'].map(start));
      await pollUntil(
        () => programs.slice(1).every((one) => one.output().includes('DATABASE_DIRECT_URL')),
        'the workers log the setting',
      );
      for (const one of programs) expect(await one.end('SIGTERM')).toBe(0);
    }
    const { rows } = await admin.query(`SELECT count(*)::int AS count FROM pg_locks WHERE ${advisoryLockHere}`);
    expect(rows).toEqual([{ count: 0 }]);
  },
);

whereInstalled('with a direct address, notifications arrive at once though the statements go through the pooler', async () => {
  await using admin = await createAdministeredDatabase();
  await using pooler = await startPgbouncer(program, admin.url, 2);
  const warnings: unknown[] = [];
  const log = { debug() {}, info() {}, warn: (...line: unknown[]) => warnings.push(line) } as unknown as Log;
  const db = await openDatabase({ kind: 'postgres', url: pooler.url, directUrl: admin.url }, { log });
  const received: (string | null)[] = [];
  const stop = await db.listen('observations', (payload) => received.push(payload));
  await db.client.$queryRaw`SELECT pg_notify('observations', 'hello')::text`;
  await pollUntil(() => received.length === 2, 'the notification arrives');
  expect(received).toEqual([null, 'hello']);
  expect(warnings).toEqual([]);
  await stop();
  await db.close();
});

whereInstalled(
  'settings of one process stay on no session of the pooler, and still end a statement that takes too long',
  async () => {
    await using admin = await createAdministeredDatabase();
    await using pooler = await startPgbouncer(program, admin.url, 1);
    const db = await openDatabase({ kind: 'postgres', url: pooler.url, idleTimeoutMs: 900 });
    const inTransaction = db.transaction(async (tx) => {
      await tx.$queryRaw`SELECT set_config('application_name', 'within', true)`;
      return tx.$queryRaw<{ limit: string }[]>`SELECT current_setting('statement_timeout') AS limit`;
    });
    expect(await inTransaction).toEqual([{ limit: '600ms' }]);
    const { rows } = await admin.query("SELECT current_setting('statement_timeout') AS limit");
    expect(await db.client.$queryRaw`SELECT current_setting('statement_timeout') AS limit`).toEqual(rows);
    await db.close();
  },
);
