import type { ChannelEvent, OpenSession, OutboundMessage, SendOutcome } from '../channels/channel.ts';
import { sendTimeoutMs } from '../channels/session.ts';
import { type Clock, createDeadline, sleep } from '../core/clock.ts';
import { createSleeper } from '../queue/sleeper.ts';
import type { Log } from '../runtime/log.ts';
import type { CreateChannelContext } from './channel-context.ts';
import type { Connection } from './connection.ts';

export interface RunSessionDeps {
  clock: Clock;
  log: Log;
  /** From 0 (inclusive) to 1, to spread attempts to open. */
  jitter(): number;
  /** @throws AppError as `getConnection` */
  getConnection(id: string): Promise<Connection>;
  createChannelContext: CreateChannelContext;
  holdConnection(connection: Connection, reason: { code: string; message: string }): Promise<void>;
  storeEvents(connection: Connection, events: readonly ChannelEvent[]): Promise<void>;
  /** @returns false when another worker owns the session */
  storeState(connectionId: string, state: unknown): Promise<boolean>;
  /** Returns true while no other worker can have taken the lease. */
  isLeaseValid(): boolean;
}

/** The session of one connection, which is opened again whenever it ends. */
export interface RunningSession {
  /** Returns true when it is not opened again, as its connection was held. */
  hasEnded(): boolean;
  /** Sends through the open session, and waits a moment for one that is being opened. */
  send(message: OutboundMessage): Promise<SendOutcome>;
  /** Closes it for good. */
  close(): Promise<void>;
}

const openTimeoutMs = 30_000;
const closeTimeoutMs = 2_000;
/** Wait of a send for a session that is being opened. */
const openWaitMs = 5_000;
const minReopenDelayMs = 1_000;
const maxReopenDelayMs = 60_000;
/** A session that was open for this long shows that the vendor works: the next delay is the shortest again. */
const stableMs = 60_000;

/**
 * Computes the delay before a session is opened again: exponential backoff with jitter.
 *
 * @param failureCount sessions in a row that were not open for long
 * @param jitter from 0 (inclusive) to 1 (exclusive); the delay lies between half and all of its step
 */
export function computeReopenDelayMs(failureCount: number, jitter: number): number {
  const step = Math.min(minReopenDelayMs * 2 ** Math.min(failureCount, 10), maxReopenDelayMs);
  return Math.round((step * (1 + jitter)) / 2);
}

/** Opens the session of a connection and keeps it open until it is closed, or its connection is held. */
export function runSession(deps: RunSessionDeps, id: string): RunningSession {
  const { clock, log } = deps;
  const stopping = new AbortController();
  const reopenDelay = createSleeper(clock);
  let current: OpenSession | null = null;
  let opening = Promise.withResolvers<void>();
  let hasEnded = false;
  let reopenAt: number | null = null;

  /** Opens the session once and waits for its end. @returns true when it is not to be opened again */
  async function openOnce(): Promise<boolean> {
    const connection = await deps.getConnection(id);
    const ending = new AbortController();
    const ended = Promise.withResolvers<{ code: string; message: string } | 'stopped' | null>();
    const end = () => {
      ending.abort();
      ended.resolve('stopped');
    };
    stopping.signal.addEventListener('abort', end);
    try {
      const session = await openInTime(connection, ending);
      if (!session) return stopping.signal.aborted;
      current = session;
      opening.resolve();
      log.info({ connectionId: id, channel: connection.channel.type }, 'the session with the vendor is open');
      session.closed.then(ended.resolve, ended.reject);
      const reason = await ended.promise;
      current = null;
      if (reason === 'stopped') await closeInTime(session);
      else log.warn({ connectionId: id, channel: connection.channel.type, reason }, 'the session with the vendor has ended');
      if (reason === 'stopped' || reason === null) return reason === 'stopped';
      await deps.holdConnection(connection, reason);
      return true;
    } finally {
      current = null;
      stopping.signal.removeEventListener('abort', end);
      ending.abort();
    }
  }

  async function openInTime(connection: Connection, ending: AbortController): Promise<OpenSession | null> {
    const { session } = connection.channel;
    if (!session) throw new Error(`The channel ${connection.channel.type} has no session.`);
    const emit = createEmit(deps, connection, ending.signal);
    const opened = session.open(deps.createChannelContext(connection, ending.signal), emit);
    // A session that opens after it was abandoned must not stay open.
    const closeLate = () => opened.then(closeInTime, () => {});
    const deadline = createDeadline(clock, openTimeoutMs, stopping.signal);
    const timedOut = new Promise<null>((resolve) => {
      if (deadline.signal.aborted) resolve(null);
      deadline.signal.addEventListener('abort', () => resolve(null), { once: true });
    });
    try {
      const result = await Promise.race([opened, timedOut]);
      if (result) return result;
      ending.abort();
      void closeLate();
      if (stopping.signal.aborted) return null;
      throw new Error('The session did not open in time.');
    } finally {
      deadline.dispose();
    }
  }

  async function closeInTime(session: OpenSession): Promise<void> {
    const closing = session.close().catch((err: unknown) => log.warn({ err, connectionId: id }, 'a session did not close'));
    await Promise.race([closing, sleep(clock, closeTimeoutMs)]);
  }

  async function run(): Promise<void> {
    let failureCount = 0;
    while (!stopping.signal.aborted) {
      const startedAt = clock.elapsed();
      try {
        if (await openOnce()) break;
        if (stopping.signal.aborted) break;
      } catch (err) {
        if (stopping.signal.aborted) break;
        log.warn({ err, connectionId: id }, 'the session with the vendor could not be opened and is tried again');
      }
      failureCount = clock.elapsed() - startedAt >= stableMs ? 0 : failureCount + 1;
      const delayMs = computeReopenDelayMs(Math.max(failureCount - 1, 0), deps.jitter());
      reopenAt = clock.now() + delayMs;
      // Sends that wait for the opening need not wait longer.
      opening.resolve();
      await reopenDelay.sleep(delayMs);
      reopenAt = null;
      opening = Promise.withResolvers();
    }
    hasEnded = true;
    opening.resolve();
  }

  function createClosedOutcome(): SendOutcome {
    const retryAfterMs = reopenAt === null ? {} : { retryAfterMs: Math.max(reopenAt - clock.now(), 0) + minReopenDelayMs };
    return {
      kind: 'unavailable',
      code: 'session_closed',
      message: 'The session with the vendor is not open.',
      ...retryAfterMs,
    };
  }

  const ended = run();
  return {
    hasEnded: () => hasEnded,
    async send(message) {
      if (!current && !hasEnded) await Promise.race([opening.promise, sleep(clock, openWaitMs)]);
      if (!current?.send || !deps.isLeaseValid()) return createClosedOutcome();
      return sendInTime(clock, current.send(message));
    },
    async close() {
      stopping.abort();
      reopenDelay.wake();
      await ended;
    },
  };
}

/** Bounds a send: a channel that never resolves must not occupy a worker's slot. */
async function sendInTime(clock: Clock, sent: Promise<SendOutcome>): Promise<SendOutcome> {
  const deadline = createDeadline(clock, sendTimeoutMs);
  const timedOut = new Promise<SendOutcome>((resolve) =>
    deadline.signal.addEventListener('abort', () =>
      resolve({ kind: 'unknown', code: 'no_response', message: 'The vendor did not respond in time.' }),
    ),
  );
  try {
    return await Promise.race([sent, timedOut]);
  } finally {
    deadline.dispose();
  }
}

/**
 * Creates the function with which a session stores what the vendor reports. Events are stored before the state, in two transactions: after a
 * crash between them the vendor, or the older state, brings the same events again, and each of them is idempotent.
 *
 * @param signal aborts when this session is closed: its late events must not overwrite the state of its successor
 */
function createEmit(deps: RunSessionDeps, connection: Connection, signal: AbortSignal) {
  return async (events: readonly ChannelEvent[], state?: unknown): Promise<void> => {
    const requireOwnership = () => {
      if (signal.aborted || !deps.isLeaseValid()) throw new Error('This session is closed: its events are not stored.');
    };
    requireOwnership();
    if (events.length > 0) await deps.storeEvents(connection, events);
    if (state === undefined) return;
    requireOwnership();
    if (!(await deps.storeState(connection.id, state)))
      throw new Error('Another worker owns this session: its state is not stored.');
  };
}
