import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { v7 as uuid } from 'uuid';

/** One session of a database: an advisory lock belongs to the session that took it. */
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

/**
 * Applies what is missing of `prisma/migrations`, in order, each with its record in one transaction. Any number of processes may
 * start at once: one works, the others wait and find nothing to do.
 *
 * @throws Error when a migration that was applied has been edited since, or fails
 */
export async function migrate(session: SqlSession, folder = migrationsFolder): Promise<void> {
  await session.query('SELECT pg_advisory_lock($1)', [advisoryLock]);
  try {
    await session.execute(bookkeeping);
    const applied = new Map(
      (await session.query('SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL')).map(
        (row) => [row.migration_name, row.checksum],
      ),
    );
    for (const migration of readMigrations(folder)) {
      const checksum = applied.get(migration.name);
      if (checksum === undefined) await apply(session, migration);
      else if (checksum !== migration.checksum) {
        throw new Error(
          `Migration ${migration.name} was edited after it was applied to this database. Restore the file and add a new migration.`,
        );
      }
    }
  } finally {
    await session.query('SELECT pg_advisory_unlock($1)', [advisoryLock]);
  }
}

async function apply(session: SqlSession, migration: Migration): Promise<void> {
  await session.execute('BEGIN');
  try {
    await session.execute(migration.sql);
    await session.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 1)`,
      [uuid(), migration.checksum, migration.name],
    );
    await session.execute('COMMIT');
  } catch (cause) {
    await session.execute('ROLLBACK');
    throw new Error(`Migration ${migration.name} failed; the database is as it was before it.`, { cause });
  }
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
