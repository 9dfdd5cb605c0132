import { randomUUID } from 'node:crypto';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { Database, DatabaseTarget } from '../../src/database/client.ts';
import { toSqlSession } from '../../src/database/embedded-session.ts';
import { migrate } from '../../src/database/migrate.ts';
import { createTemporaryFolder, pollUntil } from './program.ts';

/** A database that is migrated once and copied for each world: a fresh one would cost seconds each time. */

/** From the test environment. */
declare const embeddedPool: {
  acquireEmbedded(dumpFile: string): Promise<PGlite>;
  releaseEmbedded(embedded: PGlite): Promise<void>;
};

const onPostgres = process.env.TEST_DATABASE === 'postgres';
const serverUrl = process.env.TEST_DATABASE_URL ?? '';
process.env.PATCHBAY_TEST_RUN ??= randomUUID().slice(0, 8);
const run = process.env.PATCHBAY_TEST_RUN;
const dumpFile = join(tmpdir(), `patchbay-test-${run}.tar`);
const templateFolder = join(tmpdir(), `patchbay-test-${run}`);
const template = `patchbay_test_${run}`;

/** Defaults as servers of others have them: the program depends on none of them. */
const unusualDefaults = [
  `timezone = 'Asia/Kolkata'`,
  `datestyle = 'German'`,
  'standard_conforming_strings = off',
  'synchronous_commit = off',
];

/** Makes the template. Called once, before any test. */
export async function createTemplate(): Promise<void> {
  if (!onPostgres) {
    const embedded = await PGlite.create(templateFolder);
    await migrate(toSqlSession(embedded));
    writeFileSync(dumpFile, Buffer.from(await (await embedded.dumpDataDir('none')).arrayBuffer()));
    return embedded.close();
  }
  await runOnServer(`CREATE DATABASE ${template}`);
  const session = new pg.Client({ connectionString: toDatabaseUrl(template) });
  await session.connect();
  await migrate({
    execute: async (sql) => void (await session.query(sql)),
    query: async (sql, values) => (await session.query(sql, values)).rows,
  });
  await session.end();
}

/** Removes it and every copy. */
export async function removeTemplate(): Promise<void> {
  if (!onPostgres) {
    for (const path of [dumpFile, templateFolder]) rmSync(path, { force: true, recursive: true });
    return;
  }
  const found = await runOnServer(`SELECT datname FROM pg_database WHERE datname LIKE '${template}%'`);
  for (const { datname } of found) await runOnServer(`DROP DATABASE IF EXISTS "${datname}" WITH (FORCE)`);
}

/** A database of its own for one world. */
export async function createTestDatabase(): Promise<{ target: DatabaseTarget; remove: () => Promise<void> }> {
  if (!onPostgres) {
    if (!existsSync(dumpFile)) throw new Error('The template database is missing: run the tests through Jest.');
    const embedded = await embeddedPool.acquireEmbedded(dumpFile);
    return { target: { kind: 'opened', embedded }, remove: () => embeddedPool.releaseEmbedded(embedded) };
  }
  const name = `${template}_${randomUUID().slice(0, 8)}`;
  await runOnServer(`CREATE DATABASE "${name}" TEMPLATE ${template}`);
  for (const setting of unusualDefaults) await runOnServer(`ALTER DATABASE "${name}" SET ${setting}`);
  return {
    target: { kind: 'postgres', url: toDatabaseUrl(name) },
    remove: async () => void (await runOnServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`)),
  };
}

/** A database of its own in which only these statements were run. */
export async function createDatabaseFrom(sql: string) {
  if (!onPostgres) {
    const embedded = await PGlite.create();
    await embedded.exec(sql);
    const target: DatabaseTarget = { kind: 'opened', embedded };
    const query = async (text: string, values?: unknown[]) =>
      values
        ? (await embedded.query<Record<string, unknown>>(text, values)).rows
        : ((await embedded.exec(text)).at(-1)?.rows ?? []);
    return { target, query, remove: () => embedded.close() };
  }
  const name = `${template}_${randomUUID().slice(0, 8)}`;
  await runOnServer(`CREATE DATABASE "${name}"`);
  const session = new pg.Client({ connectionString: toDatabaseUrl(name) });
  await session.connect();
  await session.query(sql);
  const target: DatabaseTarget = { kind: 'postgres', url: toDatabaseUrl(name) };
  const query = async (text: string, values?: unknown[]): Promise<Record<string, unknown>[]> =>
    (await session.query(text, values)).rows;
  const remove = async () => {
    await session.end();
    await runOnServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
  };
  return { target, query, remove };
}

/** A folder for a program's data, with an embedded database that is ready: making one takes longer than many a test. */
export function createDataFolder(): ReturnType<typeof createTemporaryFolder> {
  const folder = createTemporaryFolder();
  if (!onPostgres) cpSync(templateFolder, join(folder.path, 'database'), { recursive: true });
  return folder;
}

/** Resolves once a transaction of this database waits for another's lock. */
export async function waitForBlockedTransaction(db: Database): Promise<void> {
  await pollUntil(async () => {
    const [row] = await db.client.$queryRaw<{ count: bigint }[]>`
      SELECT count(*) FROM pg_locks WHERE NOT granted AND pid IN (
        SELECT pid FROM pg_stat_activity WHERE datname = current_database())`;
    return row?.count === 1n;
  }, 'a transaction waits for another');
}

function toDatabaseUrl(name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function runOnServer(sql: string): Promise<{ datname?: string }[]> {
  const session = new pg.Client({ connectionString: serverUrl });
  await session.connect();
  try {
    return (await session.query(sql)).rows;
  } finally {
    await session.end();
  }
}
