import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { migrate } from '../../src/database/migrate.ts';
import { startProduction } from '../support/production.ts';
import { createTemporaryFolder, pollUntil } from '../support/program.ts';

/** Two versions of the program on one database, as in an update one process after the other. */

const renames = `
ALTER TABLE messages RENAME TO letters;
ALTER TABLE jobs RENAME COLUMN queue TO kind;
ALTER TABLE workers RENAME TO machines;
ALTER TABLE installations RENAME TO places;
ALTER TYPE queue_name RENAME VALUE 'deliver' TO 'send';`;

/** Migrates as a newer version does that has one more migration. */
async function migrateAsNewer(url: string, sql: string, log: (line: string) => void = () => {}): Promise<void> {
  using folder = createTemporaryFolder();
  cpSync(resolve('prisma/migrations'), folder.path, { recursive: true });
  mkdirSync(join(folder.path, '29990101000000_newer'));
  writeFileSync(join(folder.path, '29990101000000_newer', 'migration.sql'), sql);
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  try {
    await migrate(
      {
        execute: async (text) => void (await session.query(text)),
        query: async (text, values) => (await session.query(text, values)).rows,
      },
      folder.path,
      { log: { info() {}, warn: (...line: unknown[]) => log(JSON.stringify(line)) } },
    );
  } finally {
    await session.end();
  }
}

test('processes of an older version stop by themselves: a webhook meanwhile gets a 503 response, and they do not start again', async () => {
  await using production = await startProduction();
  await using web = await production.start({ ROLE: 'web' });
  await using worker = await production.startAnother({ ROLE: 'worker' });
  await production.setUpLocation(web);
  await migrateAsNewer(production.databaseUrl, renames);

  const startedAt = performance.now();
  expect((await production.sendMessage(0)).httpStatus).toBe(503);
  await pollUntil(() => web.child.exitCode !== null && worker.child.exitCode !== null, 'both have stopped', 25_000);
  expect([web.child.exitCode, worker.child.exitCode]).toEqual([0, 0]);
  expect(performance.now() - startedAt).toBeLessThan(20_000);
  for (const { output } of [web, worker]) {
    expect(output().match(/a newer version of the program has migrated the database/g)).toHaveLength(1);
    expect(output()).toContain('29990101000000_newer');
  }

  await expect(production.start()).rejects.toThrow(/A newer version of the program has migrated this database/);
});

test('a migration that older workers could not bear waits until they have stopped, and says so', async () => {
  await using production = await startProduction();
  await using program = await production.start();
  await production.setUpLocation(program);
  const lines: string[] = [];
  let isDone = false;
  const migrated = migrateAsNewer(production.databaseUrl, `-- exclusive\n${renames}`, (line) => lines.push(line)).then(() => {
    isDone = true;
  });
  await pollUntil(() => lines.some((line) => line.includes('a migration waits')), 'it says what it waits for', 30_000);
  // The older version goes on meanwhile.
  const { messageId, httpStatus } = await production.sendMessage(0);
  expect(httpStatus).toBeLessThan(300);
  await pollUntil(() => production.highlevel.listStatuses(messageId).length > 0, 'it is reported');
  expect(isDone).toBe(false);

  expect(await program.end('SIGTERM')).toBe(0);
  await migrated;
  expect(program.output()).not.toContain('a newer version');
});
