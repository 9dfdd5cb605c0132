import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { v7 as uuid } from 'uuid';
import { pause, systemClock } from '../core/clock.ts';

/** One session of a database. */
export interface SqlSession {
  /** Runs any number of statements. */
  execute(sql: string): Promise<void>;
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

interface Migration {
  name: string;
  sql: string;
  /** Prisma's own checksum. */
  checksum: string;
}

const migrationsFolder = resolve(import.meta.dirname, '../../prisma/migrations');

/** Prisma's own lock number, so that its `migrate deploy` and we never run at the same time. */
const advisoryLock = 72_707_369;

/** Prisma's own table, as it creates it, so that `prisma migrate status` and `deploy` agree with us. */
const bookkeeping = `
CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" TIMESTAMPTZ,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" TIMESTAMPTZ,
  "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

/** A migration waits no longer for a table: behind a long reader it would hold up every statement of the running version with it. */
const lockTimeoutMs = 2_000;
const betweenTriesMs = 1_000;
/** Some minutes: a reader that takes longer is somebody's to end. */
const maxTries = 200;

/**
 * Applies what is missing of `prisma/migrations`, in order, each with its record in one transaction. Any number of processes may
 * start at once, through a pooler too: the lock belongs to the transaction, so one works and the others wait and find nothing to do.
 *
 * @throws Error when a migration that was applied has been edited since, or fails
 */
export async function migrate(session: SqlSession, folder = migrationsFolder): Promise<void> {
  const migrations = readMigrations(folder);
  for (let tries = 1; ; tries++) {
    try {
      while (await applyNext(session, migrations));
      return;
    } catch (error) {
      if (!isLockTimeout(error) || tries >= maxTries) throw error;
      await pause(systemClock, betweenTriesMs);
    }
  }
}

/** Applies the first migration that is missing. @returns whether there was one */
async function applyNext(session: SqlSession, migrations: readonly Migration[]): Promise<boolean> {
  await session.execute('BEGIN');
  try {
    await session.query('SELECT pg_advisory_xact_lock($1)', [advisoryLock]);
    await session.execute(bookkeeping);
    const next = missingOf(migrations, await appliedIn(session));
    if (next) await apply(session, next);
    await session.execute('COMMIT');
    return next !== undefined;
  } catch (error) {
    await session.execute('ROLLBACK');
    throw error;
  }
}

async function appliedIn(session: SqlSession): Promise<Map<unknown, unknown>> {
  const rows = await session.query('SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL');
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

function missingOf(migrations: readonly Migration[], applied: ReadonlyMap<unknown, unknown>): Migration | undefined {
  const edited = migrations.find(({ name, checksum }) => applied.has(name) && applied.get(name) !== checksum);
  if (edited) {
    throw new Error(
      `Migration ${edited.name} was edited after it was applied to this database. Restore the file and add a new migration.`,
    );
  }
  return migrations.find(({ name }) => !applied.has(name));
}

async function apply(session: SqlSession, migration: Migration): Promise<void> {
  try {
    await session.execute(`SET LOCAL lock_timeout = ${lockTimeoutMs}`);
    await session.execute(migration.sql);
    await session.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 1)`,
      [uuid(), migration.checksum, migration.name],
    );
  } catch (cause) {
    if (isLockTimeout(cause)) throw cause;
    throw new Error(`Migration ${migration.name} failed; the database is as it was before it.`, { cause });
  }
}

function isLockTimeout(error: unknown): boolean {
  return (error as { code?: string } | undefined)?.code === '55P03';
}

function readMigrations(folder: string): Migration[] {
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, file: join(folder, name, 'migration.sql') }))
    .filter(({ file }) => existsSync(file))
    .map(({ name, file }) => {
      const sql = readFileSync(file, 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}
