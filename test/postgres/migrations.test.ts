import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { openDatabase } from '../../src/database/client.ts';
import { migrate } from '../../src/database/migrate.ts';
import { advisoryLockHere, createTestDatabase } from '../support/databases.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';

async function openSession(url: string) {
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  return session;
}

const on = (session: pg.Client) => ({
  execute: async (sql: string) => void (await session.query(sql)),
  query: async (sql: string, values?: unknown[]) => (await session.query(sql, values)).rows,
});

test('a migration that waits behind a long reader holds up no statement, and completes when the reader ends', async () => {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  using folder = createTemporaryFolder();
  mkdirSync(join(folder.path, '1_wide'));
  writeFileSync(join(folder.path, '1_wide', 'migration.sql'), 'CREATE TABLE wide (a int);');
  const [reader, migrating, working] = [await openSession(url), await openSession(url), await openSession(url)];
  try {
    // The tables stay: these are migrations of another folder.
    await migrating.query('DROP TABLE "_prisma_migrations"');
    await migrate(on(migrating), folder.path);
    await reader.query('BEGIN; SELECT * FROM wide');
    mkdirSync(join(folder.path, '2_wider'));
    writeFileSync(join(folder.path, '2_wider', 'migration.sql'), 'ALTER TABLE wide ADD COLUMN b int;');
    const done = migrate(on(migrating), folder.path);
    await pollUntil(async () => {
      const { rows } = await working.query(
        "SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted AND relation = 'wide'::regclass",
      );
      return rows[0].count > 0;
    }, 'the migration waits');
    // It would wait as long as the reader takes, which is longer than this statement may.
    await working.query(`SET statement_timeout = '8s'`);
    await working.query('INSERT INTO wide VALUES (1)');
    await reader.query('COMMIT');
    await done;
    await working.query('INSERT INTO wide (a, b) VALUES (1, 2)');
  } finally {
    await Promise.all([reader.end(), migrating.end(), working.end()]);
    await remove();
  }
});

test('several processes that start at once migrate once, without a lock that outlives a transaction', async () => {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const sessions = await Promise.all(Array.from({ length: 4 }, () => openSession(url)));
  try {
    await sessions[0]?.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
    await Promise.all(sessions.map((session) => migrate(on(session))));
    const { rows } = await (sessions[0] as pg.Client).query(
      `SELECT count(*)::int AS count FROM pg_locks WHERE ${advisoryLockHere}`,
    );
    expect(rows[0].count).toBe(0);
  } finally {
    await Promise.all(sessions.map((session) => session.end()));
    await remove();
  }
});

test('on a server that allows fewer connections than the pool wants, statements wait for one', async () => {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const admin = await openSession(url);
  const role = `few_${Date.now()}`;
  await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER; ALTER ROLE ${role} NOSUPERUSER CONNECTION LIMIT 3`);
  await admin.query(
    `GRANT ALL ON SCHEMA public TO ${role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}; GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO ${role}`,
  );
  const few = new URL(url);
  few.username = role;
  const db = await openDatabase({ kind: 'postgres', url: few.href });
  const stop = await db.listen('a_channel', () => {});
  try {
    const statements = Array.from({ length: 40 }, () => db.client.$queryRaw`SELECT 1 FROM pg_sleep(0.02)`);
    expect(await Promise.allSettled(statements).then((all) => all.filter(({ status }) => status === 'rejected'))).toEqual([]);
  } finally {
    await stop();
    await db.close();
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await admin.end();
    await remove();
  }
});
