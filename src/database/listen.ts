import pg from 'pg';
import { type Clock, sleep } from '../core/clock.ts';
import type { Log } from '../runtime/log.ts';
import { isUnavailable } from './errors.ts';
import { destroySession, isBehindPooler, keepAlive, setIdleTimeout } from './pool.ts';
import { ServerClient } from './server-client.ts';
import { requirePrimary, type Servers } from './servers.ts';

const minRetryDelayMs = 500;
const maxRetryDelayMs = 5_000;
const checkTimeoutMs = 3_000;
const connectTimeoutMs = 5_000;
/** Interval of the statements that keep the session from its idle timeout: a connection on which nothing is sent can die unnoticed. */
const probeIntervalMs = 10_000;
const idleTimeoutMs = 15_000;

export interface ListenDeps {
  servers: Servers;
  clock: Clock;
  log: Log;
  /** Notifies a channel from another session. */
  notify(channel: string): Promise<unknown>;
}

/**
 * Listens on a session of its own and reconnects when it breaks. The session only saves time: where the server has no session left, or a
 * pooler does not carry notifications, the callers' polling remains, and the log says so.
 *
 * @returns stops it
 */
export async function listenOnServer(
  { servers, clock, log, notify }: ListenDeps,
  channel: string,
  onNotification: (payload: string | null) => void,
): Promise<() => Promise<void>> {
  let session: pg.Client | undefined;
  let isStopped = false;

  async function connect(): Promise<void> {
    const connectionString = servers.url();
    const next = new ServerClient({ connectionString, connectionTimeoutMillis: connectTimeoutMs, ...keepAlive });
    let isLost = false;
    const onLost = () => {
      if (isLost || isStopped) return;
      isLost = true;
      void reconnect();
    };
    next.on('error', onLost);
    next.on('end', onLost);
    next.on('notification', (heard) => heard.channel === channel && onNotification(heard.payload ?? ''));
    try {
      await next.connect();
      setIdleTimeout(next, idleTimeoutMs);
      await requirePrimary(servers, (sql) => next.query(sql));
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
      if (await isBehindPooler(next)) void requireNotifications(next);
    } catch (error) {
      isLost = true;
      servers.skip(connectionString);
      await next.end().catch(() => {});
      throw error;
    }
    session = next;
    // A notification from before this LISTEN is never repeated.
    onNotification(null);
  }

  /** Stops listening behind a pooler in transaction mode: it accepts LISTEN, and the notifications go to other clients. */
  async function requireNotifications(next: pg.Client): Promise<void> {
    if ((await carriesNotifications(next)) || isStopped || session !== next) return;
    isStopped = true;
    await next.end().catch(() => {});
    log.warn(
      'the pooler of DATABASE_URL does not carry LISTEN: set DATABASE_DIRECT_URL to the server’s own address. ' +
        'Until then new work of other processes is seen within a second, not at once.',
    );
  }

  async function carriesNotifications(next: pg.Client): Promise<boolean> {
    const check = `${channel}_check_${(next as unknown as { processID: number }).processID}`;
    const heard = new Promise<boolean>((resolve) => {
      next.on('notification', (notification) => notification.channel === check && resolve(true));
    });
    try {
      await next.query(`LISTEN ${pg.escapeIdentifier(check)}`);
      await notify(check);
      return await Promise.race([heard, sleep(clock, checkTimeoutMs).then(() => false)]);
    } catch (error) {
      log.debug({ err: error }, 'whether notifications arrive could not be checked');
      return true;
    }
  }

  async function reconnect(): Promise<void> {
    for (let delayMs = minRetryDelayMs; !isStopped; delayMs = Math.min(delayMs * 2, maxRetryDelayMs)) {
      await sleep(clock, delayMs);
      try {
        if (!isStopped) await connect();
        return;
      } catch (error) {
        log.debug({ err: error }, 'the server gives no session for LISTEN at present');
      }
    }
  }

  const probe = clock.setInterval(() => void session?.query('SELECT').catch(() => {}), probeIntervalMs);
  servers.onMove(() => session && destroySession(session));
  try {
    await connect();
  } catch (error) {
    if (!isUnavailable(error)) throw error;
    log.warn(
      { err: error },
      'the server gives no session for LISTEN at present: new work is seen within a second, not at once',
    );
    void reconnect();
  }
  return async () => {
    isStopped = true;
    clock.clearInterval(probe);
    if (session) destroySession(session);
  };
}
