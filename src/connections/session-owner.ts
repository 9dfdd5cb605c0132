import type { OutboundMessage, SendOutcome } from '../channels/channel.ts';
import type { Channels } from '../channels/registry.ts';
import { type Clock, sleep, type Timer } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { listWorkerIds } from '../queue/workers.ts';
import type { Log } from '../runtime/log.ts';
import { runPollLoop } from '../runtime/poll-loop.ts';
import type { RunningSession } from './run-session.ts';
import {
  fenceMs,
  isLeaseFree,
  listSessionRows,
  releaseLeases,
  renewIntervalMs,
  renewLeases,
  type SessionRow,
  takeLeases,
} from './session-lease.ts';

export interface SessionOwnerDeps {
  db: Database;
  clock: Clock;
  log: Log;
  channels: Channels;
  /** Keys of the app's providers: connections of others have no use. */
  providerKeys: ReadonlySet<string>;
  /** Returns the id under which this process claims jobs; null when it is no worker. */
  getWorkerId(): string | null;
  runSession(row: SessionRow, owner: { workerId: string; isLeaseValid: () => boolean }): RunningSession;
}

/** The sessions that this process owns. */
export interface SessionOwner {
  /** Starts to take leases and to open sessions. */
  start(): void;
  /** Takes no more leases. The open sessions stay open, for the jobs that still run. */
  drain(): void;
  /** Closes all sessions and releases their leases. */
  stop(): Promise<void>;
  /** Sends through the open session of a connection. */
  send(connectionId: string, message: OutboundMessage): Promise<SendOutcome>;
}

/** Leases that a process takes in one pass, so that processes which start together share them. */
const maxTakenPerPass = 100;
const stopTimeoutMs = 2_000;

interface OwnedSession {
  readonly row: SessionRow;
  readonly session: RunningSession;
}

/**
 * Creates the owner of sessions of one process. Each connection whose channel has a session has one owner at a time, by a lease in its row.
 * A pass each second renews the leases, closes the sessions of connections that were changed, held, disabled or deleted, and takes free leases.
 */
export function createSessionOwner(deps: SessionOwnerDeps): SessionOwner {
  const { db, clock, log, channels } = deps;
  const types = [...channels.values()].filter(({ session }) => session).map(({ type }) => type);
  const carriesSends = ({ type }: SessionRow) => channels.get(type)?.session?.carriesSends === true;
  const owned = new Map<string, OwnedSession>();
  let workerId: string | null = null;
  let isDraining = false;
  let renewedAt = clock.elapsed();
  let fence: Timer;
  let stopPolling = async () => {};

  async function pass(): Promise<void> {
    const currentId = deps.getWorkerId();
    if (currentId !== workerId) {
      // Other workers have declared this one dead, and take its leases.
      await closeSessions([...owned.keys()]);
      workerId = currentId;
    }
    if (workerId === null) return;
    const id = workerId;
    if (owned.size > 0 && clock.elapsed() - renewedAt >= renewIntervalMs) await renew(id);
    const rows = (await listSessionRows(db.client, types)).filter(({ providerKey }) => deps.providerKeys.has(providerKey));
    const byId = new Map(rows.map((row) => [row.id, row]));
    await closeUnneeded(byId, id);
    // Their leases are taken again below: a change of the config has also taken the group from this worker.
    const isChanged = ({ row, session }: OwnedSession) =>
      session.hasEnded() || (byId.get(row.id)?.updatedAt ?? row.updatedAt) > row.updatedAt;
    await closeSessions([...owned.values()].filter(isChanged).map(({ row }) => row.id));
    if (!isDraining) await take(rows, id);
  }

  async function renew(id: string): Promise<void> {
    const startedAt = clock.elapsed();
    const renewed = await renewLeases(deps, [...owned.keys()], id);
    setRenewedAt(startedAt);
    await closeSessions([...owned.keys()].filter((key) => !renewed.has(key)));
  }

  async function closeUnneeded(byId: ReadonlyMap<string, SessionRow>, id: string): Promise<void> {
    const unneeded = [...owned.values()].filter(({ row }) => byId.get(row.id)?.sessionOwnerId !== id).map(({ row }) => row);
    await closeSessions(unneeded.map((row) => row.id));
    await releaseLeases(db, unneeded, id);
  }

  async function take(rows: readonly SessionRow[], id: string): Promise<void> {
    const others = rows.filter((row) => !owned.has(row.id));
    if (others.length === 0) return;
    // Read after the rows: an owner that is in a row has registered before.
    const liveWorkerIds = await listWorkerIds(db);
    const now = clock.now();
    const free = others.filter((row) => isLeaseFree(row, { workerId: id, liveWorkerIds, now })).slice(0, maxTakenPerPass);
    if (free.length === 0) return;
    const startedAt = clock.elapsed();
    const taken = await takeLeases(deps, free, id, carriesSends);
    if (owned.size === 0) setRenewedAt(startedAt);
    for (const row of free) if (taken.has(row.id)) open(row, id);
  }

  function open(row: SessionRow, id: string): void {
    const isLeaseValid = () => workerId === id && clock.elapsed() - renewedAt < fenceMs;
    owned.set(row.id, { row, session: deps.runSession(row, { workerId: id, isLeaseValid }) });
  }

  /** Closes the sessions in time when the leases can't be renewed: after a lease has ended another worker may open its session. */
  function setRenewedAt(at: number): void {
    renewedAt = at;
    clock.clearTimeout(fence);
    fence = clock.setTimeout(
      () => {
        if (owned.size === 0) return;
        log.warn('the leases of sessions could not be renewed: the sessions are closed');
        void closeSessions([...owned.keys()]);
      },
      Math.max(at + fenceMs - clock.elapsed(), 0),
    );
  }

  async function closeSessions(ids: readonly string[]): Promise<void> {
    const closing = ids.flatMap((id) => owned.get(id)?.session ?? []);
    for (const id of ids) owned.delete(id);
    await Promise.all(closing.map((session) => session.close()));
  }

  return {
    start() {
      if (types.length === 0) return;
      const onError = (err: unknown) => log.warn({ err }, 'the leases of sessions could not be checked');
      stopPolling = runPollLoop(clock, pass, onError);
    },
    drain() {
      isDraining = true;
    },
    async stop() {
      isDraining = true;
      // A database that does not respond must not keep the sessions open: their leases expire.
      await waitUpTo(clock, stopTimeoutMs, stopPolling());
      clock.clearTimeout(fence);
      const rows = [...owned.values()].map(({ row }) => row);
      await closeSessions(rows.map(({ id }) => id));
      if (workerId === null) return;
      const released = releaseLeases(db, rows, workerId).catch((err: unknown) =>
        log.warn({ err }, 'the leases of sessions could not be released; they expire'),
      );
      await waitUpTo(clock, stopTimeoutMs, released);
    },
    async send(connectionId, message) {
      const session = owned.get(connectionId)?.session;
      if (session) return session.send(message);
      return {
        kind: 'unavailable',
        code: 'session_closed',
        message: 'The session with the vendor is not open in this process.',
      };
    },
  };
}

async function waitUpTo(clock: Clock, ms: number, work: Promise<unknown>): Promise<void> {
  await Promise.race([work, sleep(clock, ms)]);
}
