import type { Clock } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';
import { destroySession, keepAlive } from './pool.ts';
import { ServerClient } from './server-client.ts';
import { readServerState, type ServerState, type Servers } from './servers.ts';

const probeTimeoutMs = 2_000;

/** Finds the primary among the servers of a database. */
export interface PrimaryWatch {
  stop(): Promise<void>;
}

/**
 * Asks all servers of a database each second which one is the primary, once before it returns. A connection to a host that was cut off hangs,
 * and an old primary that comes back takes writes: neither is noticed by those who use the connection.
 */
export async function watchPrimary({ servers, clock, log }: WatchDeps): Promise<PrimaryWatch> {
  if (servers.urls.length === 1) return { stop: async () => {} };
  const probes = servers.urls.map(createProbe);
  const poll = async () => {
    const states = await Promise.all(probes.map((probe) => probe.read()));
    const primary = electPrimary(servers, states);
    if (primary !== null && servers.use(primary)) {
      log.warn({ host: new URL(primary).host }, 'the primary of the database is another server now');
    }
  };
  await poll();
  const stop = runPollLoop(clock, poll, (error) =>
    log.warn({ err: error }, 'the primary of the database could not be looked for'),
  );
  return {
    async stop() {
      await stop();
      for (const probe of probes) probe.close();
    },
  };
}

export interface WatchDeps {
  servers: Servers;
  clock: Clock;
  log: Log;
}

/**
 * Picks the primary: of several, such as an old one that has come back, the one that was promoted last.
 *
 * @param states in the order of the servers' URLs; null without a response
 * @returns null when no server that responds may be used
 */
export function electPrimary(servers: Servers, states: readonly (ServerState | null)[]): string | null {
  const current = servers.url();
  const primaries = servers.urls
    .flatMap((url, index) => {
      const state = states[index];
      return state && !state.isStandby ? { url, state } : [];
    })
    .toSorted((a, b) => b.state.timeline - a.state.timeline || Number(b.url === current) - Number(a.url === current));
  const [newest] = primaries;
  return newest && servers.admit(newest.state) ? newest.url : null;
}

/** Creates a probe of one server, which has a session of its own while the server responds. */
function createProbe(connectionString: string) {
  const timeouts = { connectionTimeoutMillis: probeTimeoutMs, query_timeout: probeTimeoutMs };
  let session: ServerClient | undefined;

  async function connect(): Promise<ServerClient> {
    const next = new ServerClient({ connectionString, ...timeouts, ...keepAlive });
    next.on('error', () => {});
    session = next;
    await next.connect();
    return next;
  }

  function close(): void {
    if (session) destroySession(session);
    session = undefined;
  }

  return {
    /** Returns the state of the server; null without a response in time. */
    async read(): Promise<ServerState | null> {
      try {
        const open = session ?? (await connect());
        return await readServerState((sql) => open.query(sql));
      } catch {
        close();
        return null;
      }
    },
    close,
  };
}
