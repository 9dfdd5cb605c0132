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
declare const spareDatabases: string[];

const onPostgres = process.env.TEST_DATABASE === 'postgres';
const serverUrl = process.env.TEST_DATABASE_URL ?? '';
process.env.PATCHBAY_TEST_RUN ??= randomUUID().slice(0, 8);
const run = process.env.PATCHBAY_TEST_RUN;
const dumpFile = join(tmpdir(), `patchbay-test-${run}.tar`);
const templateFolder = join(tmpdir(), `patchbay-test-${run}`);
const template = `patchbay_test_${run}`;

/** Defaults as servers of others have them: the program depends on none of them. */
const unusualDefaults = [`timezone = 'Asia/Kolkata'`, 'standard_conforming_strings = off', 'synchronous_commit = off'];

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

/**
 * A database of its own for one world.
 *
 * @param isLeftAsFound the test changes rows only, so that another may have the database after it
 */
export async function createTestDatabase({ isLeftAsFound = false } = {}): Promise<{
  target: DatabaseTarget;
  remove: () => Promise<void>;
}> {
  if (!onPostgres) {
    if (!existsSync(dumpFile)) throw new Error('The template database is missing: run the tests through Jest.');
    const embedded = await embeddedPool.acquireEmbedded(dumpFile);
    return { target: { kind: 'opened', embedded }, remove: () => embeddedPool.releaseEmbedded(embedded) };
  }
  const name = (isLeftAsFound && spareDatabases.pop()) || (await copyTemplate());
  return {
    target: { kind: 'postgres', url: toDatabaseUrl(name) },
    async remove() {
      if (isLeftAsFound && (await emptyDatabase(name))) spareDatabases.push(name);
      else await runOnServer(`DROP DATABASE IF EXISTS "${name}" WITH (FORCE)`);
    },
  };
}

async function copyTemplate(): Promise<string> {
  const name = `${template}_${randomUUID().slice(0, 8)}`;
  await runOnServer(`CREATE DATABASE "${name}" TEMPLATE ${template}`);
  await runOnServer(unusualDefaults.map((setting) => `ALTER DATABASE "${name}" SET ${setting}`).join('; '));
  return name;
}

/** Deletes all rows. @returns false where that can't be done, as the test has renamed tables or left a session open */
async function emptyDatabase(name: string): Promise<boolean> {
  const session = new pg.Client({ connectionString: toDatabaseUrl(name) });
  await session.connect();
  try {
    const isAlone = async () => (await session.query(otherSessionsSql)).rowCount === 0;
    // A backend ends a moment after its client has left.
    for (let look = 0; look < 20 && !(await isAlone()); look++) await new Promise((done) => setTimeout(done, 10));
    const { rows } = await session.query<{ name: string }>(
      "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public' AND tablename <> '_prisma_migrations'",
    );
    if (!(await isAlone()) || rows.some((table) => table.name.endsWith('_away'))) return false;
    // Faster than TRUNCATE, which makes new files. Without the triggers of foreign keys, in any order.
    const deletes = rows.map((table) => `DELETE FROM ${table.name}`).join('; ');
    await session.query(`SET session_replication_role = replica; ${deletes}`);
    return true;
  } finally {
    await session.end();
  }
}

const otherSessionsSql = 'SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()';

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

/** The condition on pg_locks for an advisory lock in this database: tests beside it take theirs on the same server. */
export const advisoryLockHere =
  "locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/** Resolves once a statement with this in its text waits for a lock: other work of the program may wait, too. */
export async function waitForBlockedStatement(db: Database, text: string): Promise<void> {
  await pollUntil(async () => {
    const rows = await db.client.$queryRaw<unknown[]>`
      SELECT 1 FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock' AND strpos(query, ${text}) > 0`;
    return rows.length > 0;
  }, `a statement waits for a lock: ${text}`);
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
