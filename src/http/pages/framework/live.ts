import type { Response } from 'express';
import type { Clock, Timer } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import { createKeyedQueue } from '../../../core/keyed-queue.ts';
import type { Log } from '../../../runtime/log.ts';

/** A user or an operator's session: its streams are counted together and end together. */
export interface StreamHolder {
  holder: string;
  /** A location, an agency or the operator: its streams share a limit and query the database one at a time. */
  tenant: string;
  /** The end of the holder's access; undefined for no fixed end. */
  endsAtMs: number | undefined;
  /** Checks that the holder still has access: another process may have revoked it. */
  isAllowed(): Promise<boolean>;
}

/** A subscription to the changes of one page. */
export interface LiveSubject extends StreamHolder {
  /** Tenant, page and query; streams with the same subject share a poll. */
  subject: string;
  /** Returns a cheap value that changes whenever the page's content does. */
  version(): Promise<string>;
}

export interface LiveStreams {
  /**
   * Sends the version now and on every change, as server-sent events, until the holder's access ends or either side closes.
   *
   * @throws AppError `too_many_requests`: the holder, its tenant or the process is at its limit of streams
   */
  open(response: Response, wanted: LiveSubject): void;
  /** Ends the streams of a holder whose access was revoked. */
  end(holder: string): void;
  /** Ends all streams and rejects new ones. */
  close(): void;
}

interface WatchedSubject {
  tenant: string;
  version: () => Promise<string>;
  lastVersion: string | undefined;
  streams: Set<Response>;
  timer: Timer | undefined;
}

const pollIntervalMs = 1_000;
const keepAliveIntervalMs = 15_000;
const permissionCheckIntervalMs = 5_000;
const maxStreams = { holder: 8, tenant: 64, process: 1_000 };
/** Limits streams without a fixed end; their clients reconnect. */
const maxStreamMs = 60 * 60 * 1000;

/** Notifies pages of changes. Each subject is polled once a second while it has streams, however many there are. */
export function createLiveStreams({ clock, log }: { clock: Clock; log: Log }): LiveStreams {
  const subjects = new Map<string, WatchedSubject>();
  const streamCounts = { holder: createCounts(), tenant: createCounts() };
  // Polls of one tenant run one at a time: slow pages delay only their own tenant and use one database connection.
  const polls = createKeyedQueue(maxStreams.tenant, () => new AppError('too_many_requests', 'Too many pages are open.'));
  const open = new Map<() => void, string>();
  let isClosed = false;

  async function poll(subject: string, watched: WatchedSubject): Promise<void> {
    try {
      const version = await polls.run(watched.tenant, watched.version);
      if (version !== watched.lastVersion) {
        watched.lastVersion = version;
        for (const stream of watched.streams) sendVersion(stream, version);
      }
    } catch (error) {
      // The next poll may succeed; until then the page is only outdated.
      log.warn({ err: error }, 'polling a page for changes failed');
    }
    if (watched.streams.size > 0) watched.timer = clock.setTimeout(() => void poll(subject, watched), pollIntervalMs);
    else if (subjects.get(subject) === watched) subjects.delete(subject);
  }

  function subscribe(wanted: LiveSubject, response: Response): () => void {
    const existing = subjects.get(wanted.subject);
    const { tenant, version } = wanted;
    const watched = existing ?? { tenant, version, lastVersion: undefined, streams: new Set<Response>(), timer: undefined };
    watched.streams.add(response);
    if (!existing) {
      subjects.set(wanted.subject, watched);
      void poll(wanted.subject, watched);
    } else if (watched.lastVersion !== undefined) sendVersion(response, watched.lastVersion);
    return () => {
      watched.streams.delete(response);
      if (watched.streams.size > 0 || watched.timer === undefined) return;
      clock.clearTimeout(watched.timer);
      subjects.delete(wanted.subject);
    };
  }

  return {
    open(response, wanted) {
      const { holder, tenant } = wanted;
      const isFull =
        streamCounts.holder.get(holder) >= maxStreams.holder ||
        streamCounts.tenant.get(tenant) >= maxStreams.tenant ||
        open.size >= maxStreams.process;
      if (isClosed || isFull) {
        throw new AppError('too_many_requests', 'Too many pages are open. Please close some.', { retryAfterMs: 10_000 });
      }
      streamCounts.holder.add(holder, 1);
      streamCounts.tenant.add(tenant, 1);
      // A buffering proxy would hold back all events.
      response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
      response.flushHeaders();
      const unsubscribe = subscribe(wanted, response);
      const keepAlive = clock.setInterval(() => response.write(': keep-alive\n\n'), keepAliveIntervalMs);
      const check = clock.setInterval(() => {
        wanted
          .isAllowed()
          .then((isAllowed) => isAllowed || finish())
          .catch((error: unknown) => log.warn({ err: error }, 'checking the access of a stream failed'));
      }, permissionCheckIntervalMs);
      const durationMs = Math.min((wanted.endsAtMs ?? Number.POSITIVE_INFINITY) - clock.now(), maxStreamMs);
      const end = clock.setTimeout(() => finish(), Math.max(durationMs, 0));
      const finish = () => {
        if (!open.delete(finish)) return;
        unsubscribe();
        clock.clearInterval(keepAlive);
        clock.clearInterval(check);
        clock.clearTimeout(end);
        streamCounts.holder.add(holder, -1);
        streamCounts.tenant.add(tenant, -1);
        response.end();
      };
      open.set(finish, holder);
      response.once('close', finish);
    },
    end(holder) {
      for (const [finish, owner] of [...open]) if (owner === holder) finish();
    },
    close() {
      isClosed = true;
      for (const finish of [...open.keys()]) finish();
    },
  };
}

/** Creates counters by name that drop names at zero. */
function createCounts() {
  const counts = new Map<string, number>();
  const get = (name: string) => counts.get(name) ?? 0;
  return {
    get,
    add(name: string, difference: number): void {
      const count = get(name) + difference;
      if (count > 0) counts.set(name, count);
      else counts.delete(name);
    },
  };
}

function sendVersion(response: Response, version: string): void {
  response.write(`event: version\ndata: ${JSON.stringify(version)}\n\n`);
}
