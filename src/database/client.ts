import { join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Db, fromPglite } from 'pg-boss';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { type Prisma, PrismaClient } from '../../prisma/generated/client.ts';
import { lockDirectory } from './directory-lock.ts';
import { migrate, type SqlSession } from './migrate.ts';

export type * from '../../prisma/generated/client.ts';
export { Prisma } from '../../prisma/generated/client.ts';

/** What statements may be run on: the database or a transaction of it. */
export type Executor = Prisma.TransactionClient;

/** One PostgreSQL, ours: embedded or a server. Opened means migrated. */
export interface Database extends DatabaseConnection {
  /** Runs `work` in one transaction. Inside it use only `tx`: the embedded database has a single session. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
}

interface DatabaseConnection {
  readonly client: PrismaClient;
  /** How the queue reaches the same database. */
  readonly queueConnection: { connectionString: string; max: number } | { db: Db; backend: 'pglite' };
  close(): Promise<void>;
}

/** Where the database is. */
export type DatabaseTarget =
  | { kind: 'postgres'; url: string /** As `psql`'s PGOPTIONS. */; sessionOptions?: string }
  | { kind: 'embedded'; dataDir: string }
  | { kind: 'memory' /** A dump of an earlier one. */; contents?: Blob };

/** Waiting for a session or running a transaction longer than this is a failure, which callers answer with 503. */
const transactionLimits = { maxWait: 10_000, timeout: 20_000 };
const connectTimeoutMs = 5_000;

/**
 * Opens the database and brings its tables up to date.
 *
 * @throws Error with a message for the operator: not reachable, or the embedded directory is in use by another process
 */
export async function openDatabase(target: DatabaseTarget): Promise<Database> {
  const connection = target.kind === 'postgres' ? await openServer(target) : await openEmbedded(target);
  return {
    ...connection,
    transaction: (work) => connection.client.$transaction(work, transactionLimits),
  };
}

/** SQLSTATE classes of a value or a row that can't be stored, whoever else stands beside it. */
const badDataClasses = ['22', '23', '54'];

/** Whether a statement failed for what it was to write, not for the database's own state. */
export function isBadData(error: unknown): boolean {
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: { originalCode?: string } } } };
  return badDataClasses.includes(meta?.driverAdapterError?.cause?.originalCode?.slice(0, 2) ?? '');
}

async function openServer(target: DatabaseTarget & { kind: 'postgres' }): Promise<DatabaseConnection> {
  const session = new pg.Client({ connectionString: target.url, connectionTimeoutMillis: connectTimeoutMs });
  try {
    await session.connect();
  } catch (cause) {
    throw new Error('The PostgreSQL server of DATABASE_URL does not answer. Is it running, and is the address right?', {
      cause,
    });
  }
  try {
    await migrate({
      execute: async (sql) => void (await session.query(sql)),
      query: async (sql, values) => (await session.query(sql, values)).rows,
    });
  } finally {
    await session.end();
  }

  const client = new PrismaClient({
    adapter: new PrismaPg({
      connectionString: target.url,
      max: 10,
      connectionTimeoutMillis: connectTimeoutMs,
      ...(target.sessionOptions ? { options: target.sessionOptions } : {}),
    }),
  });
  return {
    client,
    queueConnection: { connectionString: target.url, max: 10 },
    close: () => client.$disconnect(),
  };
}

async function openEmbedded(target: DatabaseTarget & { kind: 'embedded' | 'memory' }): Promise<DatabaseConnection> {
  const unlock = target.kind === 'embedded' ? await lockDirectory(target.dataDir) : async () => {};
  const embedded =
    target.kind === 'embedded'
      ? await PGlite.create(join(target.dataDir, 'database'))
      : await PGlite.create(target.contents ? { loadDataDir: target.contents } : {});
  const session: SqlSession = {
    execute: async (sql) => void (await embedded.exec(sql)),
    query: async (sql, values) => (await embedded.query<Record<string, unknown>>(sql, values)).rows,
  };
  await migrate(session);

  const client = new PrismaClient({ adapter: new PrismaPGlite(embedded) });
  return {
    client,
    queueConnection: { db: fromPglite(embedded), backend: 'pglite' },
    async close() {
      await client.$disconnect();
      if (!embedded.closed) await embedded.close();
      await unlock();
    },
  };
}
