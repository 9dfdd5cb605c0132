import pg from 'pg';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';
import { findServerPrograms, type PostgresServer, startPostgresServer } from '../support/postgres-server.ts';
import type { Host, Network } from './network.ts';

/** A primary and its synchronous standby, each on a host of its own, and perhaps a PgBouncer for each on a third one. */
export interface Servers {
  primary: PostgresServer;
  standby: PostgresServer;
  /** Hosts that the program reaches the database by. */
  hosts: readonly Host[];
  primaryHost: Host;
  /** The database addresses of the program's settings. */
  settings: Record<string, string>;
  [Symbol.asyncDispose](): Promise<void>;
}

const poolSize = 10;

/** Returns what the scenarios lack on this machine; null when all is there. */
export function findMissingPrograms(): string | null {
  if (!findServerPrograms()) return 'the programs of a PostgreSQL server';
  return findPgbouncer() ? null : 'PgBouncer';
}

export async function startServers(network: Network, { isPooled }: { isPooled: boolean }): Promise<Servers> {
  await using started = new AsyncDisposableStack();
  const primaryHost = await network.addHost('db1');
  const primary = await startPostgresServer(findServerPrograms() ?? '', primaryHost);
  started.defer(() => primary.stop());
  const standbyHost = await network.addHost('db2');
  const standby = await primary.startStandby(standbyHost);
  const hosts = [primaryHost, standbyHost];
  started.defer(() => standby.stop());
  await query(primary.url, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await query(primary.url, 'SELECT pg_reload_conf()');
  const direct = joinUrls([primary.url, standby.url]);
  const settings: Record<string, string> = { DATABASE_URL: direct };
  if (isPooled) {
    const host = await network.addHost('pooler');
    hosts.push(host);
    const start = ({ url }: PostgresServer) => startPgbouncer(findPgbouncer() ?? '', url, poolSize, 'transaction', host);
    const poolers = [started.use(await start(primary)), started.use(await start(standby))];
    Object.assign(settings, { DATABASE_URL: joinUrls(poolers.map(({ url }) => url)), DATABASE_DIRECT_URL: direct });
  }
  const stop = started.move();
  return { primary, standby, hosts, primaryHost, settings, [Symbol.asyncDispose]: () => stop.disposeAsync() };
}

/** Runs one statement on a server, over a session of its own. */
export async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const session = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 10_000 });
  session.on('error', () => {});
  try {
    await session.connect();
    return (await session.query<Row>(sql)).rows;
  } finally {
    await session.end().catch(() => {});
  }
}

function joinUrls(urls: readonly string[]): string {
  const [first = ''] = urls;
  return first.replace(new URL(first).host, urls.map((url) => new URL(url).host).join(','));
}
