import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import pg from 'pg';
import { type Prisma, PrismaClient } from '../../prisma/generated/client.ts';
import { lockDirectory } from './directory-lock.ts';
import { keepAlive, listenOnServer } from './listen.ts';
import { migrate, type SqlSession } from './migrate.ts';
import { LenientPool } from './server-pool.ts';

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
  /** Whether other processes may use it at the same time. */
  readonly isShared: boolean;
  /** A pooler stands in between that gives sessions away after each transaction: LISTEN hears nothing through it. */
  readonly isDeaf: boolean;
  /**
   * Hears what is said with `pg_notify` on a channel.
   *
   * @param onHear also called with null whenever something may have been missed: then look for yourself
   * @returns stops it
   */
  listen(channel: string, onHear: (payload: string | null) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Where the database is. */
export type DatabaseTarget =
  | {
      kind: 'postgres';
      url: string;
      /** Past a pooler, for what needs a session of its own: migrations, and LISTEN. */
      directUrl?: string | undefined;
      /** A server that is silent for longer, in milliseconds, is taken for gone. */
      silentMs?: number;
    }
  | {
      kind: 'embedded';
      dataDir: string;
      /** Where the directory was locked before: gives it back. */
      unlock?: () => Promise<void>;
    }
  | { kind: 'opened' /** Stays open when we close. */; embedded: PGlite };

/** Waiting for a session or running a transaction longer than this is a failure, which callers answer with 503. */
const transactionLimits = { maxWait: 10_000, timeout: 20_000 };
const connectTimeoutMs = 5_000;
/** Longer than any statement of ours takes. */
const silentMs = 30_000;

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

async function openServer(target: DatabaseTarget & { kind: 'postgres' }): Promise<DatabaseConnection> {
  const session = new pg.Client({
    connectionString: target.directUrl ?? target.url,
    connectionTimeoutMillis: connectTimeoutMs,
  });
  try {
    await session.connect();
  } catch (cause) {
    throw new Error('The PostgreSQL server of DATABASE_URL does not answer. Is it running, and is the address right?', {
      cause,
    });
  }
  let isDeaf: boolean;
  try {
    isDeaf = await isPooled(session);
    await migrate({
      execute: async (sql) => void (await session.query(sql)),
      query: async (sql, values) => (await session.query(sql, values)).rows,
    });
  } finally {
    await session.end();
  }

  const pool = new LenientPool(
    {
      connectionString: target.url,
      max: 10,
      connectionTimeoutMillis: connectTimeoutMs,
      ...keepAlive,
      onConnect: (session) => limitSilence(session, target.silentMs ?? silentMs),
    },
    transactionLimits.maxWait,
  );
  const client = new PrismaClient({
    adapter: new PrismaPg(pool, { disposeExternalPool: true }),
  });
  return {
    client,
    isShared: true,
    isDeaf,
    listen: (channel, onHear) => listenOnServer(target.directUrl ?? target.url, channel, onHear),
    close: () => client.$disconnect(),
  };
}

/** Whether a pooler answers in the server's place: it gives each client a process number of its own. */
async function isPooled(session: pg.Client): Promise<boolean> {
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (session as unknown as { processID: number }).processID;
}

/**
 * A connection can die without a word, and whoever waits on it would wait for ever. It is broken off, not only given up: what reaches the
 * server late would else come into the middle of what the next one does with it. The server, for its part, ends what takes nearly as long
 * and a transaction whose client says nothing, so that nobody waits for its locks.
 */
async function limitSilence(session: pg.ClientBase, ms: number): Promise<void> {
  const { stream } = (session as unknown as { connection: { stream: Socket } }).connection;
  stream.setTimeout(ms, () => stream.destroy());
  await session.query(`SET statement_timeout = ${Math.round((ms * 2) / 3)}; SET idle_in_transaction_session_timeout = ${ms}`);
}

async function openEmbedded(target: DatabaseTarget & { kind: 'embedded' | 'opened' }): Promise<DatabaseConnection> {
  // Loaded only where it is used: it is a whole PostgreSQL.
  const [{ PGlite: Embedded }, { PrismaPGlite }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('pglite-prisma-adapter'),
  ]);
  const unlock = target.kind === 'embedded' ? (target.unlock ?? (await lockDirectory(target.dataDir))) : async () => {};
  const embedded = target.kind === 'embedded' ? await Embedded.create(join(target.dataDir, 'database')) : target.embedded;
  const session: SqlSession = {
    execute: async (sql) => void (await embedded.exec(sql)),
    query: async (sql, values) => (await embedded.query<Record<string, unknown>>(sql, values)).rows,
  };
  await migrate(session);

  const client = new PrismaClient({ adapter: new PrismaPGlite(embedded) });
  return {
    client,
    isShared: false,
    isDeaf: false,
    listen: (channel, onHear) => embedded.listen(channel, onHear),
    async close() {
      await client.$disconnect();
      if (target.kind === 'embedded' && !embedded.closed) await embedded.close();
      await unlock();
    },
  };
}
