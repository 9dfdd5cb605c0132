import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import { fromPglite, PgBoss } from 'pg-boss';
import type { DatabaseTarget } from '../../src/database/client.ts';
import { migrate } from '../../src/database/migrate.ts';

/** A database that is migrated once and copied for each world: a fresh one would cost seconds each time. */

const onPostgres = process.env.TEST_DATABASE === 'postgres';
const serverUrl = process.env.TEST_DATABASE_URL ?? '';
process.env.PATCHBAY_TEST_RUN ??= randomUUID().slice(0, 8);
const run = process.env.PATCHBAY_TEST_RUN;
const dumpFile = join(tmpdir(), `patchbay-test-${run}.tar`);
const template = `patchbay_test_${run}`;

/** Makes the template. Called once, before any test. */
export async function makeTemplate(): Promise<void> {
  if (!onPostgres) {
    const embedded = await PGlite.create();
    await migrate({
      execute: async (sql) => void (await embedded.exec(sql)),
      query: async (sql, values) => (await embedded.query<Record<string, unknown>>(sql, values)).rows,
    });
    await installQueue(new PgBoss({ db: fromPglite(embedded), backend: 'pglite' }));
    writeFileSync(dumpFile, Buffer.from(await (await embedded.dumpDataDir('none')).arrayBuffer()));
    return embedded.close();
  }
  await onServer(`CREATE DATABASE ${template}`);
  const session = new pg.Client({ connectionString: urlOf(template) });
  await session.connect();
  await migrate({
    execute: async (sql) => void (await session.query(sql)),
    query: async (sql, values) => (await session.query(sql, values)).rows,
  });
  await session.end();
  await installQueue(new PgBoss({ connectionString: urlOf(template) }));
}

/** Removes it and every copy. */
export async function removeTemplate(): Promise<void> {
  if (!onPostgres) return rmSync(dumpFile, { force: true });
  const found = await onServer(`SELECT datname FROM pg_database WHERE datname LIKE '${template}%'`);
  for (const { datname } of found) await onServer(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
}

/** A database of its own for one world. */
export async function freshDatabase(): Promise<{ target: DatabaseTarget; remove: () => Promise<void> }> {
  if (!onPostgres) {
    if (!existsSync(dumpFile)) throw new Error('The template database is missing: run the tests through Jest.');
    return { target: { kind: 'memory', contents: new Blob([readFileSync(dumpFile)]) }, remove: async () => {} };
  }
  const name = `${template}_${randomUUID().slice(0, 8)}`;
  await onServer(`CREATE DATABASE "${name}" TEMPLATE ${template}`);
  return {
    // Without the option, jobs that are enqueued in our own sessions would get the real time, not the test's.
    target: { kind: 'postgres', url: urlOf(name), sessionOptions: '-c pgboss.test_clock=on' },
    remove: async () => void (await onServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)),
  };
}

async function installQueue(boss: PgBoss): Promise<void> {
  await boss.start();
  await boss.stop({ graceful: false });
}

function urlOf(name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer(sql: string): Promise<{ datname?: string }[]> {
  const session = new pg.Client({ connectionString: serverUrl });
  await session.connect();
  try {
    return (await session.query(sql)).rows;
  } finally {
    await session.end();
  }
}
