import type { Response } from 'express';
import type { Clock, Timer } from '../../../core/clock.ts';
import { AppError } from '../../../core/errors.ts';
import { createKeyedQueue } from '../../../core/keyed-queue.ts';
import type { Log } from '../../../runtime/log.ts';

/** Whose streams are counted together and end together: those of a user, or of an operator's session. */
export interface StreamHolder {
  holder: string;
  /** A location, an agency, or the operator: its streams have a limit of their own and take turns at the database. */
  tenant: string;
  /** When the holder's right ends, if it does. */
  endsAtMs: number | undefined;
  /** Whether the holder's right goes on: it may end early, in another process. */
  isAllowed(): Promise<boolean>;
}

/** A wish to be told when something changes. */
export interface LiveSubject extends StreamHolder {
  /** Whose and what; streams of the same subject share their looks. */
  subject: string;
  /** A cheap answer that differs whenever what is shown does. */
  version(): Promise<string>;
}

export interface LiveStreams {
  /**
   * Sends the version now and whenever it changes, as server-sent events, until the holder's right ends or one of both sides goes.
   *
   * @throws AppError `too_many_requests`: the holder, its tenant or the process has as many streams as it may have
   */
  open(response: Response, wanted: LiveSubject): void;
  /** Ends those of a holder whose right has ended early. */
  end(holder: string): void;
  /** Ends all of them; those that come after are refused. */
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
/** A stream without an end of its own: its client comes again. */
const maxStreamMs = 60 * 60 * 1000;

/** Tells pages that what they show has changed. One look a second for a subject, however many watch it, and none when nobody does. */
export function createLiveStreams({ clock, log }: { clock: Clock; log: Log }): LiveStreams {
  const subjects = new Map<string, WatchedSubject>();
  const streamCounts = { holder: createCounts(), tenant: createCounts() };
  // Whose pages are slow to look at waits for its own looks, and takes one connection of the database.
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
      // The next look may do better, and a page that is not told is only old.
      log.warn({ err: error }, 'a page could not be looked after');
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
      // A proxy that collects an answer before it passes it on would keep everything to itself.
      response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' });
      response.flushHeaders();
      const unsubscribe = subscribe(wanted, response);
      const keepAlive = clock.setInterval(() => response.write(': keep-alive\n\n'), keepAliveIntervalMs);
      const check = clock.setInterval(() => {
        wanted
          .isAllowed()
          .then((isAllowed) => isAllowed || finish())
          .catch((error: unknown) => log.warn({ err: error }, 'a stream’s right could not be looked at'));
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

/** Creates a count by name that keeps no name whose count is zero. */
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
