import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';
import { type Database, openClient } from './client.ts';
import { AdaptivePool, getServerLimits, keepAlive } from './pool.ts';

/** Reads for pages that may be some seconds old: the log and the statistics. */
export interface Reader {
  /** The replica's client while it keeps up, else the primary's: to be read anew for each query. */
  readonly client: Database['client'];
  /** Returns how far behind the primary the reads are, in milliseconds; null for the primary itself. */
  ageMs(): number | null;
  close(): Promise<void>;
}

/** What is older than that is read from the primary. */
const maxAgeMs = 60_000;
const connectTimeoutMs = 2_000;
const statementTimeoutMs = 20_000;

/**
 * A replica that has replayed all that it has received, and still receives, is current, however long the last transaction is ago. Otherwise the
 * time of the last transaction that it has replayed says how far behind it is.
 */
const ageSql = `
  SELECT CASE
    WHEN NOT pg_is_in_recovery() THEN 0
    WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT 1 FROM pg_stat_wal_receiver) THEN 0
    ELSE EXTRACT(EPOCH FROM clock_timestamp() - pg_last_xact_replay_timestamp()) * 1000 END::float8 AS "ageMs"`;

export interface ReaderDeps {
  clock: Clock;
  log: Log;
}

/** Creates the reader, which polls the replica's age every second. Without a replica it reads from the primary. */
export function createReader({ clock, log }: ReaderDeps, primary: Database, replicaUrl: string | undefined): Reader {
  if (replicaUrl === undefined) return { client: primary.client, ageMs: () => null, close: async () => {} };
  const pool = new AdaptivePool(
    {
      connectionString: replicaUrl,
      max: 5,
      connectionTimeoutMillis: connectTimeoutMs,
      ...keepAlive,
      onConnect: async (session) => void (await session.query(getServerLimits((statementTimeoutMs * 3) / 2).sessionSql)),
    },
    clock,
  );
  const client = openClient(pool, primary.schema);
  let ageMs: number | null = null;
  const poll = async () => {
    const wasUsed = ageMs !== null;
    const [row] = await client.$queryRawUnsafe<[{ ageMs: number | null }]>(ageSql);
    ageMs = row.ageMs !== null && row.ageMs <= maxAgeMs ? Math.max(row.ageMs, 0) : null;
    if (wasUsed !== (ageMs !== null)) log.warn({ ageMs: row.ageMs }, describeUse(ageMs));
  };
  const stop = runPollLoop(clock, poll, (error) => {
    if (ageMs !== null) log.warn({ err: error }, describeUse(null));
    ageMs = null;
  });
  return {
    get client() {
      return ageMs === null ? primary.client : client;
    },
    ageMs: () => ageMs,
    async close() {
      await stop();
      await client.$disconnect();
      await pool.end();
    },
  };
}

function describeUse(ageMs: number | null): string {
  return ageMs === null ? 'pages are read from the primary: the replica is away or behind' : 'pages are read from the replica';
}
