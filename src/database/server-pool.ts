import pg from 'pg';
import { pause, systemClock } from '../core/clock.ts';

/** The server takes no more connections: of all, of this role, or of this database. */
const tooManyConnections = '53300';
const betweenTriesMs = 100;

/**
 * A pool that lives with the connections it gets. Where the server allows fewer than it wants, those who wait share the ones that there
 * are, instead of failing; now and then it tries for more.
 */
export class LenientPool extends pg.Pool {
  readonly #patienceMs: number;

  /** @param patienceMs how long a caller waits for a connection at most */
  constructor(config: pg.PoolConfig, patienceMs: number) {
    super(config);
    this.#patienceMs = patienceMs;
    // A session that breaks while nothing runs on it is replaced by the next.
    this.on('error', () => {});
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(
    callback: (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ): void;
  override connect(
    callback?: (error: Error | undefined, client: pg.PoolClient | undefined, done: (release?: unknown) => void) => void,
  ) {
    const connected = this.#connect();
    if (!callback) return connected;
    connected.then(
      (client) => callback(undefined, client, client.release.bind(client) as never),
      (error: Error) => callback(error, undefined, () => {}),
    );
  }

  async #connect(): Promise<pg.PoolClient> {
    const wanted = this.options.max;
    const giveUpAt = systemClock.now() + this.#patienceMs;
    for (;;) {
      try {
        return await super.connect();
      } catch (error) {
        if ((error as { code?: string }).code !== tooManyConnections || systemClock.now() >= giveUpAt) throw error;
      }
      // With its size at what it has, the pool makes callers wait for a session that another gives back.
      if (this.totalCount > 0) this.options.max = Math.max(this.totalCount, 1);
      await pause(systemClock, betweenTriesMs);
      this.options.max = wanted;
    }
  }
}
