import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { isUnavailable } from './errors.ts';
import type { SqlSession } from './migrate.ts';
import { keepAlive } from './pool.ts';
import { ServerClient } from './server-client.ts';
import { requirePrimary, type Servers } from './servers.ts';

const connectTimeoutMs = 5_000;
const retryDelayMs = 500;
/** Longest wait for a server that starts, or that has no connection left; a process manager waits longer than this. */
const maxWaitMs = 30_000;

/**
 * Opens a session of its own, outside the pool. Waits for a server that responds but accepts no session at present.
 *
 * @param servers those of the address
 * @param setting name of the setting that holds the address
 * @throws Error with a message for the operator
 */
export async function openServerSession(
  servers: Servers,
  setting: string,
  { clock, log }: { clock: Clock; log: Log },
): Promise<SqlSession & { close(): Promise<void> }> {
  const waitUntil = clock.now() + maxWaitMs;
  for (;;) {
    const connectionString = servers.url();
    const session = new ServerClient({ connectionString, connectionTimeoutMillis: connectTimeoutMs, ...keepAlive });
    // After a break between two statements the next statement fails.
    session.on('error', (error) => log.debug({ err: error }, 'a session of the database broke'));
    try {
      await session.connect();
      await requirePrimary(servers, (sql) => session.query(sql));
      return {
        execute: async (sql) => void (await session.query(sql)),
        query: async (sql, values) => (await session.query(sql, values)).rows,
        close: () => session.end(),
      };
    } catch (cause) {
      await session.end().catch(() => {});
      servers.skip(connectionString);
      const hasResponse = servers.urls.length > 1 || /^[0-9A-Z]{5}$/.test((cause as { code?: string }).code ?? '');
      if (!hasResponse || !isUnavailable(cause) || clock.now() >= waitUntil) throw toConnectError(setting, cause, hasResponse);
      log.warn({ err: cause }, 'the PostgreSQL server accepts no session at present; trying again');
      await sleep(clock, retryDelayMs);
    }
  }
}

function toConnectError(setting: string, cause: unknown, hasResponse: boolean): Error {
  const message = hasResponse
    ? `The PostgreSQL server of ${setting} refuses a session: ${(cause as Error).message}.`
    : `The PostgreSQL server of ${setting} does not respond. Is it running, and is the address right?`;
  return new Error(message, { cause });
}
