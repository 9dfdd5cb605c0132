import type pg from 'pg';
import type { Clock } from '../core/clock.ts';
import { timeSql } from './clock.ts';
import { compareMigrations, type MigrationGap } from './migrate.ts';
import { isBehindPooler, keepAlive } from './pool.ts';
import { ServerClient } from './server-client.ts';
import { readServers, requirePrimary } from './servers.ts';

/** State of a PostgreSQL server, as the connection check shows it. */
export interface ServerFacts {
  readonly version: string;
  /** Such as 150004. */
  readonly versionNumber: number;
  readonly isReadOnly: boolean;
  /** Whether the server forces what it writes to the disk. */
  readonly hasFsync: boolean;
  /** Defaults of the program's user that the program sets anew for each session, unless a pooler stands between. */
  readonly synchronousCommit: string;
  readonly isolation: string;
  /** Whether the program's user may create tables. */
  readonly canCreate: boolean;
  /** Tables that belong to another user, which migrations can't change. */
  readonly foreignTableCount: number;
  /** Median of some round trips, in milliseconds. */
  readonly latencyMs: number;
  /** Lead of this machine's clock over the server's, in milliseconds. */
  readonly skewMs: number;
  readonly pooling: Pooling;
  readonly maxConnections: number;
  readonly usedConnections: number;
  readonly migrations: MigrationGap;
  /** The same for two addresses of one database of one server. */
  readonly identity: string;
}

/** What stands between the program and the server. */
export type Pooling = 'none' | 'session' | 'transaction' | 'statement';

const connectTimeoutMs = 5_000;
const statementTimeoutMs = 10_000;
const roundTrips = 7;

/**
 * Inspects a server over sessions of its own, and changes nothing there. It neither migrates nor waits for a server that accepts no session.
 *
 * @param clock this machine's
 * @throws Error of the driver
 */
export async function inspectServer(url: string, clock: Clock): Promise<ServerFacts> {
  const sessions: pg.Client[] = [];
  const servers = readServers(url);
  async function connect(): Promise<pg.Client> {
    const timeouts = { connectionTimeoutMillis: connectTimeoutMs, query_timeout: statementTimeoutMs };
    for (let tries = 1; ; tries++) {
      const connectionString = servers.url();
      const session = new ServerClient({ connectionString, ...timeouts, ...keepAlive });
      session.on('error', () => undefined);
      sessions.push(session);
      try {
        await session.connect();
        await requirePrimary(servers, (sql) => session.query(sql));
        return session;
      } catch (error) {
        if (tries >= servers.urls.length) throw error;
        servers.skip(connectionString);
      }
    }
  }
  try {
    const session = await connect();
    const { latencyMs, skewMs } = await measure(session, clock);
    const { rows } = await session.query(factsSql);
    const isPooled = await isBehindPooler(session);
    return {
      ...(rows[0] as Omit<ServerFacts, 'latencyMs' | 'skewMs' | 'pooling' | 'migrations'>),
      latencyMs,
      skewMs,
      migrations: await compareMigrations(async (sql, values) => (await session.query(sql, values)).rows),
      pooling: isPooled ? await findPooling(session, await connect()) : 'none',
    };
  } finally {
    await Promise.all(sessions.map((session) => session.end().catch(() => undefined)));
  }
}

const factsSql = `
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::int AS "versionNumber",
  pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS "isReadOnly",
  current_setting('fsync')::boolean AS "hasFsync", current_setting('synchronous_commit') AS "synchronousCommit",
  current_setting('default_transaction_isolation') AS isolation,
  COALESCE(has_schema_privilege(current_schema(), 'CREATE'), false) AS "canCreate",
  (SELECT count(*)::int FROM pg_tables WHERE schemaname = current_schema() AND NOT pg_has_role(tableowner, 'USAGE')) AS "foreignTableCount",
  current_setting('max_connections')::int AS "maxConnections",
  (SELECT sum(numbackends)::int FROM pg_stat_database) AS "usedConnections",
  current_database() || '/' || (SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || pg_postmaster_start_time() AS identity`;

/** Measures round trips and, in the quickest of them, the difference of the clocks. */
async function measure(session: pg.Client, clock: Clock): Promise<{ latencyMs: number; skewMs: number }> {
  const samples: { tripMs: number; skewMs: number }[] = [];
  for (let count = 0; count < roundTrips; count++) {
    const [startedAt, localMs] = [clock.elapsed(), clock.now()];
    const { rows } = await session.query(timeSql);
    const tripMs = clock.elapsed() - startedAt;
    samples.push({ tripMs, skewMs: localMs + tripMs / 2 - rows[0].ms });
  }
  samples.sort((one, other) => one.tripMs - other.tripMs);
  return { latencyMs: samples[Math.floor(roundTrips / 2)]?.tripMs ?? 0, skewMs: Math.round(samples[0]?.skewMs ?? 0) };
}

/**
 * Finds out how a pooler lends its sessions to two clients. In session mode each keeps its own; in transaction mode the second one gets that of
 * the first, or the first one another while the second holds it; in statement mode there are no transactions.
 */
async function findPooling(first: pg.Client, second: pg.Client): Promise<Pooling> {
  const getPid = async (client: pg.Client) => (await client.query('SELECT pg_backend_pid() AS pid')).rows[0].pid as number;
  try {
    await second.query('BEGIN');
  } catch (error) {
    if (/statement pooling/i.test((error as Error).message)) return 'statement';
    throw error;
  }
  try {
    const before = await getPid(first);
    const held = await getPid(second);
    const after = await getPid(first);
    if (before !== after || before === held) return 'transaction';
  } finally {
    await second.query('ROLLBACK');
  }
  const released = await getPid(second);
  return released === (await getPid(first)) ? 'transaction' : 'session';
}
