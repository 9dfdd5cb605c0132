import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findMigrationProblems } from '../support/migration-rules.ts';

const folder = resolve(import.meta.dirname, '../../prisma/migrations');
const names = readdirSync(folder)
  .filter((name) => /^\d{14}_/.test(name))
  .toSorted();

/**
 * The rules hold for migrations after this one. Those of 0.4.0 run while all processes are stopped, as the update from 0.3 is exclusive:
 * a migration that is added before 0.4.0 is released may move this line.
 */
const lastUnchecked = '20261127201205_outgoing_webhooks';

test('no new migration locks a large table for long without saying why, or claims a compatibility that it has not', () => {
  const problems = names
    .filter((name) => name > lastUnchecked)
    .flatMap((name) =>
      findMigrationProblems(
        readFileSync(join(folder, name, 'migration.sql'), 'utf8'),
        names.filter((other) => other < name),
      ).map((problem) => `${name}: ${problem}`),
    );
  expect(problems).toEqual([]);
  expect(names).toContain(lastUnchecked);
});

test('each kind of statement that rewrites, scans or long locks messages is found', () => {
  const check = (sql: string) => findMigrationProblems(sql, ['1_before']).length;
  for (const sql of [
    'ALTER TABLE "messages" ADD COLUMN "a" TEXT NOT NULL;',
    'ALTER TABLE "messages"\n  ADD COLUMN "b" TEXT,\n  ADD COLUMN "a" TEXT NOT NULL;',
    'ALTER TABLE messages ADD COLUMN a TIMESTAMPTZ DEFAULT clock_timestamp();',
    'ALTER TABLE messages ADD COLUMN a TEXT GENERATED ALWAYS AS (text) STORED;',
    'ALTER TABLE "messages" ALTER COLUMN "a" SET DATA TYPE BIGINT;',
    'ALTER TABLE "messages" ALTER COLUMN "a" TYPE BIGINT;',
    'ALTER TABLE "attempts" ALTER COLUMN "a" SET NOT NULL;',
    'ALTER TABLE "receipts" ADD CONSTRAINT "c" FOREIGN KEY ("a") REFERENCES "messages"("id");',
    'CREATE INDEX "i" ON "messages"("a");',
    'CREATE UNIQUE INDEX IF NOT EXISTS "i" ON "jobs" ("a") WHERE a;',
    'UPDATE messages SET a = 1;',
  ]) {
    expect({ sql, problems: check(sql) }).toEqual({ sql, problems: 1 });
    const table = /\b(messages|attempts|receipts|jobs)\b/.exec(sql)?.[1];
    expect({ sql, problems: check(`-- locks ${table}: it is small there\n${sql}`) }).toEqual({ sql, problems: 0 });
  }
  for (const sql of [
    'ALTER TABLE "messages" ADD COLUMN "a" TEXT;',
    'ALTER TABLE "messages" ADD COLUMN "a" BOOLEAN NOT NULL DEFAULT false, ADD COLUMN b INT NOT NULL DEFAULT 0;',
    'ALTER TABLE "messages" ADD CONSTRAINT "c" CHECK (a > 0) NOT VALID;',
    'CREATE TABLE "new" ("messages" TEXT NOT NULL); CREATE INDEX "i" ON "new"("messages");',
    'ALTER TABLE "companies" ALTER COLUMN "a" SET NOT NULL;',
  ]) {
    expect({ sql, problems: check(sql) }).toEqual({ sql, problems: 0 });
  }
});

test('a migration that is compatible with older programs only adds, or says since when what it drops is unused', () => {
  const find = (sql: string) => findMigrationProblems(sql, ['1_before']);
  const since = '-- compatible since 1_before\n';
  expect(find(`${since}CREATE TABLE a (id INT); ALTER TABLE companies ADD COLUMN b TEXT;`)).toEqual([]);
  for (const sql of [
    'ALTER TABLE companies DROP COLUMN a;',
    'ALTER TABLE companies RENAME COLUMN a TO b;',
    'DROP TABLE companies;',
    "ALTER TYPE queue_name ADD VALUE 'a';",
    'ALTER TABLE companies ALTER COLUMN a TYPE INT;',
    'ALTER TABLE companies ALTER COLUMN a SET NOT NULL;',
    'ALTER TABLE companies ADD COLUMN a TEXT NOT NULL;',
  ]) {
    expect({ sql, problems: find(`${since}${sql}`).length }).toEqual({ sql, problems: 1 });
    expect(find(sql)).toEqual([]);
    expect(find(`${since}-- unused since 1_before: the programs write the other one\n${sql}`)).toEqual([]);
  }
  expect(find('-- compatible since 2_later\nCREATE TABLE a (id INT);')).toEqual([
    expect.stringContaining('no earlier migration'),
  ]);
  expect(find(`${since}-- exclusive: why\nCREATE TABLE a (id INT);`)).toEqual(['compatible and exclusive']);
});
