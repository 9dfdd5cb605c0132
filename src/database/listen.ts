import pg from 'pg';
import { pause, systemClock } from '../core/clock.ts';

const againAfterMs = 500;

/** Nothing is said on a session for long times; whether the server still hears it is asked all the same. */
export const keepAlive = { keepAlive: true, keepAliveInitialDelayMillis: 10_000 };

/** Listens on a session of its own and comes back when that is lost: a server that restarts must not leave us deaf. */
export async function listenOnServer(
  url: string,
  channel: string,
  onHear: (payload: string | null) => void,
): Promise<() => Promise<void>> {
  let session: pg.Client | undefined;
  let isStopped = false;

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString: url, ...keepAlive });
    let isLost = false;
    const lost = () => {
      if (isLost || isStopped) return;
      isLost = true;
      void again();
    };
    next.on('error', lost);
    next.on('end', lost);
    next.on('notification', ({ payload }) => onHear(payload ?? ''));
    try {
      await next.connect();
      await next.query(`LISTEN ${pg.escapeIdentifier(channel)}`);
    } catch (error) {
      isLost = true;
      await next.end().catch(() => {});
      throw error;
    }
    session = next;
    // Whatever was said before we listened, nobody says again.
    onHear(null);
  }

  async function again(): Promise<void> {
    while (!isStopped) {
      await pause(systemClock, againAfterMs);
      try {
        if (!isStopped) await connect();
        return;
      } catch {
        // The server is still away. Whoever needs it says so; here it is only asked for once more.
      }
    }
  }

  // Without it jobs are still found, by looking: a server that has no session left for it now may have one later.
  await connect().catch(() => void again());
  return async () => {
    isStopped = true;
    await session?.end().catch(() => {});
  };
}
