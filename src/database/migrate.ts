import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { v7 as uuid } from 'uuid';
import { type Clock, sleep, systemClock } from '../core/clock.ts';
import { type RandomSource, systemRandom } from '../core/ids.ts';
import type { Log } from '../runtime/log.ts';
import { isLockFailure } from './errors.ts';
import { waitForOlderWorkers } from './older-workers.ts';

/** One session of a database. */
export interface SqlSession {
  /** Runs any number of statements. */
  execute(sql: string): Promise<void>;
  query(sql: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
}

export interface MigrateOptions {
  log?: Pick<Log, 'warn' | 'info'>;
  clock?: Clock;
  random?: RandomSource;
  /** Whether other processes may use the database; by default they may. */
  isShared?: boolean;
}

interface Migration {
  name: string;
  /** One transaction each. */
  steps: string[];
  /** Processes of an older version can't go on after it. */
  isExclusive: boolean;
  /** Processes that know this earlier migration can continue after it; null: none can. */
  compatibleSince: string | null;
  /** Prisma's own checksum. */
  checksum: string;
}

/** Row of Prisma's own table. */
interface Applied {
  name: string;
  checksum: string;
  isFinished: boolean;
  steps: number;
  compatibleSince: string | null;
}

const migrationsFolder = resolve(import.meta.dirname, '../../prisma/migrations');

/** Prisma's own lock number, so that its `migrate deploy` and this program never migrate at the same time. */
const advisoryLock = 72_707_369;

/** Marks the entry of a migration that older programs can continue after. */
const compatiblePrefix = 'compatible since ';

/** Short: while a migration waits for a table, every statement on that table queues behind it. */
const lockTimeoutMs = 2_000;
const minRetryDelayMs = 1_000;
const maxRetryDelayMs = 15_000;
/** Interval of the checks for another migrating process, which ends soon. */
const pollIntervalMs = 250;
const lockLogIntervalMs = 10_000;

/** Prisma's own table, as Prisma creates it, so that `prisma migrate status` and `deploy` agree with this program. */
const migrationsTableSql = `
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
 * Applies the missing migrations of `prisma/migrations`, in order. Any number of processes may start at once: one migrates, and the others
 * wait and find no migration left.
 *
 * Other processes keep running meanwhile. A step that does not get its locks within two seconds is rolled back, so that the statements
 * queued behind it proceed, and is retried after a random delay that grows. A migration is one step, unless lines `-- step` divide it: then
 * it holds the locks of one step at a time, and finished steps survive a restart.
 *
 * A migration with a line `-- exclusive` removes or renames what older versions use. Before the first missing migration is applied then, the
 * workers of older processes must have stopped.
 *
 * A migration with a line `-- compatible since <name>` leaves what programs use that have the migration of that name: their processes continue
 * beside the newer ones, and may start. The database keeps the name in the column `logs` of Prisma's table, as these programs lack the file.
 *
 * The lock between migrating processes belongs to a transaction: a session's lock would remain on a pooler's session.
 *
 * @throws Error when an applied migration has been edited since, the program does not have it, or a migration fails
 */
export async function migrate(session: SqlSession, folder = migrationsFolder, options: MigrateOptions = {}): Promise<void> {
  const { log, clock = systemClock, random = systemRandom, isShared = true } = options;
  const migrations = readMigrations(folder);
  const hasMissing = async (isWanted: (migration: Migration) => boolean) =>
    listMissing(migrations, await readApplied(session)).some(isWanted);
  // A start without a missing migration needs no lock and waits for no other process.
  if (!(await hasMissing(() => true))) return;
  const needsExclusive = () => hasMissing(({ isExclusive }) => isExclusive);
  if (isShared && (await needsExclusive())) {
    await waitForOlderWorkers({ query: (sql) => session.query(sql), log, clock }, needsExclusive);
  }

  let lockFailures = 0;
  let loggedAt = Number.NEGATIVE_INFINITY;
  for (;;) {
    const progress = await tryStep(session, migrations).catch((error: unknown) => {
      if (!isLockFailure(error)) throw error;
      return 'no_lock' as const;
    });
    if (progress === 'finished') return;
    if (progress === 'applied') lockFailures = 0;
    if (progress === 'applied') continue;
    if (clock.now() - loggedAt >= lockLogIntervalMs) {
      loggedAt = clock.now();
      log?.warn(await describeWait(session, progress), `a migration waits: ${waitTexts[progress]}`);
    }
    if (progress === 'other_process') await sleep(clock, pollIntervalMs);
    else await sleep(clock, computeRetryDelayMs(lockFailures++, random));
  }
}

const waitTexts = {
  other_process: 'another session migrates this database, or a pooler keeps the lock of one that did',
  no_lock: 'transactions of other sessions hold the tables; the oldest is named here',
};

function computeRetryDelayMs(failures: number, random: RandomSource): number {
  const maxDelayMs = Math.min(minRetryDelayMs * 2 ** failures, maxRetryDelayMs);
  return maxDelayMs / 2 + (maxDelayMs / 2) * (random(4).readUInt32BE() / 2 ** 32);
}

/** Applies the next missing step and records it, in one transaction. */
async function tryStep(
  session: SqlSession,
  migrations: readonly Migration[],
): Promise<'applied' | 'finished' | 'other_process'> {
  await session.execute('BEGIN');
  try {
    // A pooler's session may carry limits that other clients have set.
    await session.execute(
      `SET LOCAL lock_timeout = ${lockTimeoutMs}; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0`,
    );
    const [lock] = await session.query('SELECT pg_try_advisory_xact_lock($1) AS "isOurs"', [advisoryLock]);
    const done = lock?.isOurs ? await applyNext(session, migrations) : 'other_process';
    await session.execute('COMMIT');
    return done;
  } catch (error) {
    // A broken session has rolled back already.
    await session.execute('ROLLBACK').catch(() => {});
    throw error;
  }
}

async function applyNext(session: SqlSession, migrations: readonly Migration[]): Promise<'applied' | 'finished'> {
  await session.execute(migrationsTableSql);
  const applied = await readApplied(session);
  const [next] = listMissing(migrations, applied);
  if (!next) return 'finished';
  const started = applied.get(next.name);
  const steps = started?.steps ?? 0;
  try {
    await session.execute(next.steps[steps] as string);
  } catch (cause) {
    if (isLockFailure(cause)) throw cause;
    const where =
      next.steps.length > 1
        ? `in step ${steps + 1} of ${next.steps.length}; the database is as it was before that step`
        : '; the database is as it was before it';
    throw new Error(`Migration ${next.name} failed${where}.`, { cause });
  }
  const isLast = steps + 1 === next.steps.length;
  if (started) {
    await session.query(
      `UPDATE "_prisma_migrations" SET applied_steps_count = $2, checksum = $4, finished_at = CASE WHEN $3::boolean THEN clock_timestamp() END
       WHERE migration_name = $1 AND finished_at IS NULL AND rolled_back_at IS NULL`,
      [next.name, steps + 1, isLast, next.checksum],
    );
  } else {
    await session.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, finished_at, applied_steps_count, logs)
       VALUES ($1, $2, $3, CASE WHEN $5::boolean THEN clock_timestamp() END, $4, $6)`,
      [
        ...[uuid(), next.checksum, next.name, steps + 1, isLast],
        next.compatibleSince && `${compatiblePrefix}${next.compatibleSince}`,
      ],
    );
  }
  return 'applied';
}

/** Lists the unfinished migrations; an operator may have repaired failed steps. @throws Error for an edited or unknown migration */
function listMissing(migrations: readonly Migration[], applied: ReadonlyMap<string, Applied>): Migration[] {
  const edited = migrations.find(({ name, checksum }) => {
    const row = applied.get(name);
    return row?.isFinished && row.checksum !== checksum;
  });
  if (edited) {
    throw new Error(
      `Migration ${edited.name} was edited after it was applied to this database. Restore the file and add a new migration.`,
    );
  }
  const known = new Set(migrations.map(({ name }) => name));
  const newer = [...applied.values()].find(
    ({ name, isFinished, compatibleSince }) =>
      isFinished && !known.has(name) && !(compatibleSince !== null && known.has(compatibleSince)),
  );
  if (newer) {
    throw new Error(
      `A newer version of the program has migrated this database (migration ${newer.name}). Start that version, or restore a backup from before.`,
    );
  }
  return migrations.filter(({ name }) => !applied.get(name)?.isFinished);
}

/** Difference between the migrations of the program and those of a database. */
export interface MigrationGap {
  /** Number of migrations that the next start applies. */
  readonly missingCount: number;
  /** Why this program can't start on the database; null where it can. */
  readonly problem: string | null;
  /** The program has never started on it. */
  readonly isEmpty: boolean;
}

/** Compares the migrations of the program with those of a database, and applies none. */
export async function compareMigrations(query: SqlSession['query'], folder = migrationsFolder): Promise<MigrationGap> {
  const applied = await readApplied({ query });
  try {
    const { length: missingCount } = listMissing(readMigrations(folder), applied);
    return { missingCount, problem: null, isEmpty: applied.size === 0 };
  } catch (error) {
    return { missingCount: 0, problem: (error as Error).message, isEmpty: false };
  }
}

/** Lists the migrations that this program has. A running process asks at its start: an update may replace the files under it. */
export function listMigrationNames(folder = migrationsFolder): string[] {
  return listMigrationFiles(folder).map(({ name }) => name);
}

/** Returns the newest finished migration of the database that is none of these and not compatible with one of them. */
export async function findNewerMigration(query: SqlSession['query'], known: readonly string[]): Promise<string | undefined> {
  const [row] = await query(
    `SELECT max(migration_name) AS name FROM "_prisma_migrations"
     WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL AND migration_name <> ALL ($1::text[])
       AND NOT COALESCE(logs, '') = ANY ($2::text[])`,
    [known, known.map((name) => `${compatiblePrefix}${name}`)],
  );
  return (row?.name ?? undefined) as string | undefined;
}

async function readApplied(session: Pick<SqlSession, 'query'>): Promise<ReadonlyMap<string, Applied>> {
  const [table] = await session.query(`SELECT to_regclass('"_prisma_migrations"') IS NOT NULL AS "isThere"`);
  if (!table?.isThere) return new Map();
  const rows = (await session.query(
    `SELECT migration_name AS name, checksum, finished_at IS NOT NULL AS "isFinished", applied_steps_count AS steps,
       CASE WHEN starts_with(logs, '${compatiblePrefix}') THEN substr(logs, ${compatiblePrefix.length + 1}) END AS "compatibleSince"
     FROM "_prisma_migrations" WHERE finished_at IS NOT NULL OR (applied_steps_count > 0 AND rolled_back_at IS NULL)
     ORDER BY finished_at NULLS FIRST`,
  )) as unknown as Applied[];
  return new Map(rows.map((row) => [row.name, row]));
}

/** Names the session that a migration waits for, as far as the role may see it. */
async function describeWait(session: SqlSession, reason: keyof typeof waitTexts): Promise<object> {
  const sessions =
    reason === 'other_process'
      ? "pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = $1 AND granted)"
      : 'xact_start IS NOT NULL AND pid <> pg_backend_pid() AND $1 = $1';
  const [row] = await session.query(
    `SELECT pid, application_name AS application, client_addr::text AS address, state, xact_start AS "since"
     FROM pg_stat_activity WHERE datname = current_database() AND ${sessions} ORDER BY xact_start LIMIT 1`,
    [advisoryLock],
  );
  return row ? { session: row } : {};
}

function readMigrations(folder: string): Migration[] {
  return listMigrationFiles(folder).map(({ name, file }) => {
    const sql = readFileSync(file, 'utf8');
    return {
      name,
      steps: sql.split(/^-- step\b.*$/m),
      isExclusive: /^-- exclusive\b/m.test(sql),
      compatibleSince: /^-- compatible since (\S+)/m.exec(sql)?.[1] ?? null,
      checksum: createHash('sha256').update(sql).digest('hex'),
    };
  });
}

function listMigrationFiles(folder: string): { name: string; file: string }[] {
  return readdirSync(folder)
    .sort()
    .map((name) => ({ name, file: join(folder, name, 'migration.sql') }))
    .filter(({ file }) => existsSync(file));
}
