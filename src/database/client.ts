import { join } from 'node:path';
import type { PGlite } from '@electric-sql/pglite';
import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { type Prisma, PrismaClient } from '../../prisma/generated/client.ts';
import { type Clock, systemClock } from '../core/clock.ts';
import { createLog, type Log } from '../runtime/log.ts';
import { lockDirectory } from './directory-lock.ts';
import { runTransaction, type SqlExecutor, toSqlExecutor, withDriverStatements } from './driver-statements.ts';
import { recordTransactions, runOnEmbedded, toSqlSession } from './embedded-session.ts';
import { isStatementUnknown } from './errors.ts';
import { listenOnServer } from './listen.ts';
import { findNewerMigration, listMigrationNames, migrate, type SqlSession } from './migrate.ts';
import { observeEmbedded } from './observe-embedded.ts';
import {
  AdaptivePool,
  getServerLimits,
  isBehindPooler,
  keepAlive,
  observeStatements,
  runOnPool,
  runSqlTransaction,
  setIdleTimeout,
} from './pool.ts';
import { createStatementNames, keepStatements } from './prepared-statements.ts';
import { watchPrimary } from './primary-watch.ts';
import { type SchemaWatch, startSchemaWatch } from './schema-watch.ts';
import { openServerSession } from './server-session.ts';
import { readServers, type Servers } from './servers.ts';
import type { ObserveStatement } from './slow-statements.ts';

export type * from '../../prisma/generated/client.ts';
export { Prisma } from '../../prisma/generated/client.ts';

export type { SqlExecutor } from './driver-statements.ts';

/** Target of a statement: the database, or a transaction of it. */
export type Executor = Prisma.TransactionClient;

/** Our PostgreSQL, embedded or a server; an opened one is migrated. */
export interface Database {
  /** Runs `work` in one transaction. Inside it use only `tx`: the embedded database has a single session. */
  transaction<T>(work: (tx: Executor) => Promise<T>): Promise<T>;
  /** Does the same for work that is SQL alone: what Prisma does for a transaction costs as much as three small statements. */
  sqlTransaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T>;
  readonly client: PrismaClient;
  /** Schema of the tables: the first of the user's search path that exists. */
  readonly schema: string;
  /** True where other processes may use it at the same time. */
  readonly isShared: boolean;
  /**
   * Listens for `pg_notify` on a channel.
   *
   * @param onNotification called with null whenever a notification may have been missed: then the caller queries
   * @returns stops it
   */
  listen(channel: string, onNotification: (payload: string | null) => void): Promise<() => Promise<void>>;
  close(): Promise<void>;
}

/** Address of the database. */
export type DatabaseTarget =
  | {
      kind: 'postgres';
      url: string;
      /** Address past a pooler, for work that needs a session of its own: migrations, and LISTEN. */
      directUrl?: string | undefined;
      /** Silence of the server, in milliseconds, after which its connection counts as dead. */
      idleTimeoutMs?: number;
    }
  | {
      kind: 'embedded';
      dataDir: string;
      /** Releases the directory, where the caller has locked it before. */
      unlock?: () => Promise<void>;
    }
  | { kind: 'opened' /** Stays open when the database is closed. */; embedded: PGlite };

/** Limits of waiting for a session and of running a transaction; beyond them the transaction fails, and callers respond with 503. */
const transactionLimits = { maxWait: 10_000, timeout: 20_000 };
const connectTimeoutMs = 5_000;
/** Longer than any statement of ours takes. */
const defaultIdleTimeoutMs = 30_000;

export interface OpenOptions {
  log?: Log;
  /** Called once when a newer version has migrated the database, with that migration: this process must stop. */
  onNewerVersion?: ((migration: string) => void) | undefined;
  /** Measures each statement. */
  observeStatement?: ObserveStatement | undefined;
}

/**
 * Opens the database and applies missing migrations.
 *
 * @throws Error with a message for the operator: the server is unreachable, or another process uses the embedded directory
 */
export function openDatabase(target: DatabaseTarget, options: OpenOptions = {}): Promise<Database> {
  return target.kind === 'postgres' ? openServer(target, options) : openEmbedded(target, options);
}

/** Opens a client over a pool, which the caller ends. @param schema of the tables; Prisma alone would look in `public` */
export function openClient(pool: AdaptivePool, schema: string): PrismaClient {
  const client = new PrismaClient({ adapter: new PrismaPg(pool, { schema }) });
  return withDriverStatements(client, runOnPool(pool));
}

async function findSchema(session: SqlSession): Promise<string> {
  const [row] = await session.query('SELECT current_schema() AS schema');
  if (typeof row?.schema === 'string') return row.schema;
  throw new Error('The database has none of the schemas of its user’s search path (search_path): create one.');
}

async function openServer(target: DatabaseTarget & { kind: 'postgres' }, options: OpenOptions): Promise<Database> {
  const { log = createLog('silent'), onNewerVersion = () => {}, observeStatement } = options;
  const clock = systemClock;
  const servers = readServers(target.url);
  const directServers = target.directUrl ? readServers(target.directUrl) : servers;
  const primaryWatches = await Promise.all(
    [...new Set([servers, directServers])].map((one) => watchPrimary({ servers: one, clock, log })),
  );
  const stopWatching = () => Promise.all(primaryWatches.map(({ stop }) => stop()));
  let schema: string;
  try {
    schema = await migrateServer(directServers, target.directUrl ? 'DATABASE_DIRECT_URL' : 'DATABASE_URL', { clock, log });
  } catch (error) {
    await stopWatching();
    throw error;
  }

  const limits = getServerLimits(target.idleTimeoutMs ?? defaultIdleTimeoutMs);
  const knownMigrations = listMigrationNames();
  const statementNames = createStatementNames();
  let isPooled = false;
  let watch: SchemaWatch | undefined;
  const pool = new AdaptivePool(
    {
      connectionString: target.url,
      max: 10,
      connectionTimeoutMillis: connectTimeoutMs,
      ...keepAlive,
      async onConnect(session: pg.ClientBase) {
        setIdleTimeout(session, target.idleTimeoutMs ?? defaultIdleTimeoutMs);
        isPooled = await isBehindPooler(session);
        // A setting on a pooler's session would stay there for other clients, and hold for this process only by chance.
        if (isPooled) return;
        await session.query(limits.sessionSql);
        keepStatements(session, statementNames, clock);
      },
    },
    clock,
    (error) => {
      if (isStatementUnknown(error)) statementNames.stop();
      watch?.onError(error);
    },
    servers,
  );
  if (observeStatement) pool.on('connect', (session) => observeStatements(session, clock, observeStatement));
  const client = openClient(pool, schema);
  watch = startSchemaWatch({
    clock,
    log,
    findNewerMigration: () => findNewerMigration((sql, values = []) => client.$queryRawUnsafe(sql, ...values), knownMigrations),
    onNewer: onNewerVersion,
  });
  return {
    client,
    schema,
    isShared: true,
    transaction: (work) =>
      runTransaction(
        (inside) => client.$transaction(inside, transactionLimits),
        async (tx) => {
          if (isPooled) for (const sql of limits.transactionSql) await tx.$executeRawUnsafe(sql);
          return work(tx);
        },
      ),
    sqlTransaction: (work) => runSqlTransaction(pool, isPooled ? limits.transactionSql : [], work),
    listen: (channel, onNotification) =>
      listenOnServer(
        { servers: directServers, clock, log, notify: (other) => client.$queryRaw`SELECT pg_notify(${other}, '')::text` },
        channel,
        onNotification,
      ),
    async close() {
      watch?.stop();
      await stopWatching();
      await client.$disconnect();
      await pool.end();
    },
  };
}

/** Applies missing migrations. @returns the schema of the tables */
async function migrateServer(servers: Servers, setting: string, deps: { clock: Clock; log: Log }): Promise<string> {
  const session = await openServerSession(servers, setting, deps);
  try {
    const schema = await findSchema(session);
    await migrate(session, undefined, deps);
    return schema;
  } finally {
    await session.close();
  }
}

async function openEmbedded(
  target: DatabaseTarget & { kind: 'embedded' | 'opened' },
  { observeStatement }: OpenOptions,
): Promise<Database> {
  // Loaded only where it is used: it is a whole PostgreSQL.
  const [{ PGlite: Embedded }, { PrismaPGlite }] = await Promise.all([
    import('@electric-sql/pglite'),
    import('pglite-prisma-adapter'),
  ]);
  const unlock = target.kind === 'embedded' ? (target.unlock ?? (await lockDirectory(target.dataDir))) : async () => {};
  const embedded = target.kind === 'embedded' ? await Embedded.create(join(target.dataDir, 'database')) : target.embedded;
  const session = toSqlSession(embedded);
  await migrate(session, undefined, { isShared: false });

  const observed = observeStatement ? observeEmbedded(embedded, systemClock, observeStatement) : embedded;
  const client = withDriverStatements(
    new PrismaClient({ adapter: new PrismaPGlite(recordTransactions(observed)) }),
    runOnEmbedded(observed),
  );
  return {
    client,
    schema: 'public',
    isShared: false,
    transaction: (work) => runTransaction((inside) => client.$transaction(inside, transactionLimits), work),
    sqlTransaction: (work) => observed.transaction((tx) => work(toSqlExecutor(runOnEmbedded(tx)))),
    listen: (channel, onNotification) => embedded.listen(channel, onNotification),
    async close() {
      await client.$disconnect();
      if (target.kind === 'embedded' && !embedded.closed) await embedded.close();
      await unlock();
    },
  };
}
