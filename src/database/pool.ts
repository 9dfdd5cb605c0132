import type { Socket } from 'node:net';
import pg from 'pg';
import { type Clock, sleep } from '../core/clock.ts';
import { type RunStatement, recordSession, type SqlExecutor, toSqlExecutor } from './driver-statements.ts';
import { isOutOfConnections, isPlanOutdated, isReadOnly, isStatementUnknown, isUnavailable } from './errors.ts';
import { prepareStatement } from './prepared-statements.ts';
import { ServerClient } from './server-client.ts';
import { readServers, requirePrimary, type Servers } from './servers.ts';
import type { ObserveStatement } from './slow-statements.ts';

/** Sends probes on an idle connection, so that a dead one is noticed. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

type Acquired = (
  error: Error | undefined,
  client: pg.PoolClient | undefined,
  release: (error?: Error | boolean) => void,
) => void;

const defaultConnectTimeoutMs = 5_000;
const growIntervalMs = 10_000;
const retryDelayMs = 200;
const maxWaitMs = 10_000;

/**
 * Pool that adapts to the connections that the server grants. When the server refuses another connection, the pool shrinks to those it has,
 * and the caller waits for one of them; every ten seconds it tries one more. node-postgres alone would fail the caller.
 *
 * A connection on which the server refused a write as read-only is not used again: after a failover it may lead to the new standby. Nor is
 * one whose kept statements do not fit the server's state any more. Where the
 * URL names several servers, the next one is tried when a server is away or a standby, and when the primary is found to be another server,
 * all connections are closed: statements on a host that was cut off would hang.
 */
export class AdaptivePool extends pg.Pool {
  readonly #clock: Clock;
  readonly #maxConnections: number;
  readonly #unusable = new WeakSet<pg.ClientBase>();
  readonly #servers: Servers;
  #growAt = 0;

  /**
   * @param onStatementError hears why the server refused a statement, whoever ran it
   * @param servers those of the URL, where the caller watches them
   */
  constructor(
    { connectionString, onConnect = () => {}, ...config }: pg.PoolConfig & { connectionString: string; max: number },
    clock: Clock,
    onStatementError: (error: unknown) => void = () => {},
    servers = readServers(connectionString),
  ) {
    const connections = new Set<pg.ClientBase>();
    super({
      ...config,
      Client: ServerClient,
      connectionString: servers.url(),
      async onConnect(session) {
        setIdleTimeout(session, config.connectionTimeoutMillis ?? defaultConnectTimeoutMs);
        await requirePrimary(servers, (sql) => session.query(sql));
        setIdleTimeout(session, 0);
        await onConnect(session);
      },
    });
    this.on('connect', (client) => {
      connections.add(client);
      // A session that breaks while it is in use, and runs no statement, would end the process; its next statement fails.
      client.on('error', () => {});
      const { connection } = client as unknown as { connection: NodeJS.EventEmitter };
      connection.on('errorMessage', (error) => {
        if (isReadOnly(error) || isStatementUnknown(error) || isPlanOutdated(error)) this.#unusable.add(client);
        onStatementError(error);
      });
    });
    this.on('remove', (client) => connections.delete(client));
    // Of a session that breaks while it is idle: the pool has removed it.
    this.on('error', () => {});
    servers.onMove(() => {
      for (const client of connections) destroySession(client);
    });
    this.#servers = servers;
    this.#clock = clock;
    this.#maxConnections = config.max;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(acquired: Acquired): void;
  override connect(acquired?: Acquired): Promise<pg.PoolClient> | undefined {
    const acquiring = this.#acquire().then(recordUntilReleased);
    if (!acquired) return acquiring;
    acquiring.then(
      (client) => acquired(undefined, client, client.release),
      (error: Error) => acquired(error, undefined, () => {}),
    );
    return undefined;
  }

  async #acquire(): Promise<pg.PoolClient> {
    const waitUntil = this.#clock.now() + maxWaitMs;
    this.#grow();
    for (;;) {
      const url = this.#servers.url();
      this.options.connectionString = url;
      try {
        return this.#discardUnusable(await super.connect());
      } catch (error) {
        if (
          this.#servers.urls.length > 1 &&
          isUnavailable(error) &&
          !isOutOfConnections(error) &&
          this.#clock.now() < waitUntil
        ) {
          this.#servers.skip(url);
          await sleep(this.#clock, retryDelayMs);
          continue;
        }
        if (!isOutOfConnections(error) || this.#clock.now() >= waitUntil) throw error;
        this.options.max = Math.max(1, this.totalCount);
        this.#growAt = this.#clock.now() + growIntervalMs;
        if (this.totalCount === 0) await sleep(this.#clock, retryDelayMs);
      }
    }
  }

  #grow(): void {
    if (this.options.max >= this.#maxConnections || this.#clock.now() < this.#growAt) return;
    this.options.max += 1;
    this.#growAt = this.#clock.now() + growIntervalMs;
  }

  #discardUnusable(client: pg.PoolClient): pg.PoolClient {
    const { release } = client;
    client.release = (error) => release(error || this.#unusable.has(client));
    return client;
  }
}

/** Records a session as that of the transaction that is being opened. */
function recordUntilReleased(client: pg.PoolClient): pg.PoolClient {
  const end = recordSession(runOn(client));
  const { release } = client;
  client.release = (error) => {
    end();
    release(error);
  };
  return client;
}

/** Runs statements on a session. */
function runOn(session: pg.ClientBase): RunStatement {
  return async (text, values) => {
    const { rows, rowCount } = await query(session, { ...(await prepareStatement(session, text)), text, values, types });
    return { rows, count: rowCount ?? 0 };
  };
}

/**
 * Runs a statement. With a callback: where node-postgres makes the promise, each statement stays in memory with its parameters and rows until the next
 * full collection of garbage.
 */
async function query(session: pg.ClientBase, statement: pg.QueryConfig): Promise<pg.QueryResult> {
  try {
    return await new Promise((resolve, reject) => {
      session.query(statement, (error, result) => (error ? reject(error) : resolve(result)));
    });
  } catch (error) {
    // Its stack leads to the socket, and is to lead to the caller.
    if (error instanceof Error) Error.captureStackTrace(error);
    throw error;
  }
}

/** Runs each statement on a session of the pool. */
export function runOnPool(pool: AdaptivePool): RunStatement {
  return async (sql, values) => {
    const session = await pool.connect();
    try {
      return await runOn(session)(sql, values);
    } finally {
      session.release();
    }
  };
}

/**
 * Runs a transaction on a session of the pool.
 *
 * @param prepare statements that come first
 */
export async function runSqlTransaction<T>(
  pool: AdaptivePool,
  prepare: readonly string[],
  work: (tx: SqlExecutor) => Promise<T>,
): Promise<T> {
  const session = await pool.connect();
  let isBroken = false;
  try {
    await query(session, { text: ['BEGIN', ...prepare].join('; ') });
    const result = await work(toSqlExecutor(runOn(session)));
    await query(session, { text: 'COMMIT' });
    return result;
  } catch (error) {
    await session.query('ROLLBACK').catch(() => {
      isBroken = true;
    });
    throw error;
  } finally {
    session.release(isBroken);
  }
}

/** Converts values as Prisma does, where node-postgres would not: it reads days in the process's own time zone. */
const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) => parsers[oid] ?? pg.types.getTypeParser(oid, format),
};
const parsers: Record<number, (text: string) => unknown> = {
  [pg.types.builtins.INT8]: BigInt,
  [pg.types.builtins.DATE]: (text) => new Date(text),
};

/** Returns whether a pooler stands between this session and the server: it gives its clients process numbers of its own. */
export async function isBehindPooler(session: pg.ClientBase): Promise<boolean> {
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  return rows[0]?.pid !== (session as unknown as { processID: number | null }).processID;
}

/**
 * Destroys a connection after `ms` of silence: it can die unnoticed, and its process would wait without end. The socket is closed as well:
 * otherwise a statement that reaches the server late would end up inside another transaction.
 */
export function setIdleTimeout(session: pg.ClientBase, ms: number): void {
  const stream = toSocket(session);
  if (ms === 0) stream.setTimeout(0);
  else stream.setTimeout(ms, () => stream.destroy());
}

/** Closes a connection without a word to the server, which may not be there to take it. */
export function destroySession(session: pg.ClientBase): void {
  toSocket(session).destroy();
}

function toSocket(session: pg.ClientBase): Socket {
  return (session as unknown as { connection: { stream: Socket } }).connection.stream;
}

/** What is acknowledged was committed to the disk. Other values than off are an operator's choice about standbys. */
const durableSql = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'`;

/**
 * Returns the statements that make the server end a statement before its client times out, and a transaction whose client is silent, and that
 * set the defaults that ours depend on: for a session or, behind a pooler, for each transaction. They also turn off the server's compiler: with
 * ten thousand locations the planner overestimates what an alert's statement reads, and compiling it takes 1.5 s of processor time where the
 * rest takes 0.3 s.
 */
export function getServerLimits(idleTimeoutMs: number) {
  const statementTimeoutMs = Math.round((idleTimeoutMs * 2) / 3);
  return {
    sessionSql:
      `SET statement_timeout = ${statementTimeoutMs}; SET idle_in_transaction_session_timeout = ${idleTimeoutMs}; SET jit = off; ` +
      `SET default_transaction_isolation = 'read committed'; ${durableSql}`,
    transactionSql: [
      'SET TRANSACTION ISOLATION LEVEL READ COMMITTED',
      `SELECT set_config('statement_timeout', '${statementTimeoutMs}', true), ` +
        `set_config('idle_in_transaction_session_timeout', '${idleTimeoutMs}', true), set_config('jit', 'off', true)`,
    ],
  };
}

/** Measures the statements of a session, failed ones too, whoever sends them. */
export function observeStatements(session: pg.ClientBase, clock: Pick<Clock, 'elapsed'>, observe: ObserveStatement): void {
  const query = session.query.bind(session) as (...args: unknown[]) => unknown;
  session.query = ((...args: unknown[]) => {
    const [statement] = args as [string | { text: string }];
    const startedAt = clock.elapsed();
    const end = () => observe(typeof statement === 'string' ? statement : statement.text, clock.elapsed() - startedAt);
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      return query(...args.slice(0, -1), (...results: unknown[]) => {
        end();
        callback(...results);
      });
    }
    const result = query(...args) as Promise<unknown>;
    result.then(end, end);
    return result;
  }) as typeof session.query;
}
