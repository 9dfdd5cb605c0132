import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';

/** The program's migrations and some more. */
function folderWith(more: Record<string, string>) {
  const folder = createTemporaryFolder();
  cpSync(resolve('prisma/migrations'), folder.path, { recursive: true });
  for (const [name, sql] of Object.entries(more)) {
    mkdirSync(join(folder.path, name));
    writeFileSync(join(folder.path, name, 'migration.sql'), sql);
  }
  return folder;
}

/** Processes of several versions on one database: each has a session of its own. */
async function sessionsOn(url: string) {
  const open: pg.Client[] = [];
  return {
    async session() {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      open.push(client);
      return {
        query: async (sql: string, values: unknown[] = []) => (await client.query(sql, values)).rows,
        execute: async (sql: string) => void (await client.query(sql)),
      };
    },
    async [Symbol.asyncDispose]() {
      for (const client of open) await client.end();
    },
  };
}

const log = { info() {}, warn() {} };

test('a migration behind a long reader holds up no statement of the running version, and goes through when the reader ends', async () => {
  await using admin = await createAdministeredDatabase();
  await using on = await sessionsOn(admin.url);
  using folder = folderWith({
    '29990101000000_columns':
      'ALTER TABLE workers ADD COLUMN one INT;\n-- step: the running version reads jobs for long\nALTER TABLE jobs ADD COLUMN two INT;',
  });
  const [reader, migrating, running] = [await on.session(), await on.session(), await on.session()];
  await reader.execute('BEGIN; SELECT count(*) FROM jobs');
  const waits: string[] = [];
  let isDone = false;
  const migrated = migrate(migrating, folder.path, {
    log: { ...log, warn: (line: unknown) => void waits.push(JSON.stringify(line)) },
  }).then(() => {
    isDone = true;
  });

  for (let round = 0; round < 3; round++) {
    await pollUntil(async () => {
      const [row] = await admin
        .query(`SELECT count(*)::int AS count FROM pg_locks WHERE NOT granted
        AND relation = 'jobs'::regclass`)
        .then(({ rows }) => rows);
      return row.count === 1;
    }, 'the migration waits for the table');
    // Behind the migration, and on the table of the step before.
    await running.query('SELECT count(*) FROM jobs');
    await running.execute('UPDATE workers SET heartbeat = heartbeat + 1; UPDATE jobs SET error_count = 0');
  }
  expect(isDone).toBe(false);
  expect(
    await running.query(
      `SELECT applied_steps_count AS steps, finished_at FROM _prisma_migrations ORDER BY migration_name DESC LIMIT 1`,
    ),
  ).toEqual([{ steps: 1, finished_at: null }]);
  expect(waits[0]).toContain('idle in transaction');

  await reader.execute('COMMIT');
  await migrated;
  await running.query('SELECT one, two FROM workers, jobs');
});

test('a step that fails leaves no trace, and a release that repairs it resumes from there', async () => {
  await using admin = await createAdministeredDatabase();
  await using on = await sessionsOn(admin.url);
  const name = '29990101000000_steps';
  const first = 'CREATE TABLE first_step (id INT);\n-- step\n';
  using wrong = folderWith({
    [name]: `${first}CREATE TABLE second_step (id INT); SELECT 1 / 0;\n-- step\nCREATE TABLE third_step (id INT);`,
  });
  const session = await on.session();
  await expect(migrate(session, wrong.path, { log })).rejects.toThrow(/step 2 of 3/);
  expect(await session.query("SELECT to_regclass('first_step') AS one, to_regclass('second_step') AS two")).toEqual([
    { one: 'first_step', two: null },
  ]);
  // The release that repairs it resumes from there.
  using repaired = folderWith({
    [name]: `${first}CREATE TABLE second_step (id INT);\n-- step\nCREATE TABLE third_step (id INT);`,
  });
  await migrate(session, repaired.path, { log });
  await session.query('SELECT 1 FROM first_step, second_step, third_step');
  await expect(migrate(session, wrong.path, { log })).rejects.toThrow(/was edited/);
});

test('a lock that a pooler keeps from an earlier version is named, and holds up no start without migrations to apply', async () => {
  await using admin = await createAdministeredDatabase();
  await using on = await sessionsOn(admin.url);
  const [pooled, migrating] = [await on.session(), await on.session()];
  await pooled.execute('SELECT pg_advisory_lock(72707369)');
  await migrate(migrating, undefined, { log });

  using folder = folderWith({ '29990101000000_more': 'CREATE TABLE more (id INT)' });
  const waits: string[] = [];
  const migrated = migrate(migrating, folder.path, {
    log: { ...log, warn: (line: unknown) => void waits.push(JSON.stringify(line)) },
  });
  await pollUntil(() => waits.length > 0, 'it says what it waits for');
  const [{ pid }] = (await pooled.query('SELECT pg_backend_pid() AS pid')) as [{ pid: number }];
  expect(waits[0]).toContain(`"pid":${pid}`);
  await pooled.execute('SELECT pg_advisory_unlock(72707369)');
  await migrated;
});
