import { type Clock, nowOf, pause } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type Claimed, claim } from './claim.ts';
import { type ConcurrencyLimits, maxRunning, trackConcurrency } from './concurrency.ts';
import { type Job, type JobKind, jobsChannel } from './jobs.ts';
import { freeStrays } from './strays.ts';
import { joinWorkers, type Worker } from './workers.ts';

export interface Queue {
  /** Starts working. A handler ends its job itself, in the transaction that records what it did; one that throws runs again later. */
  work(kind: JobKind, limits: ConcurrencyLimits, handle: (job: Job) => Promise<void>): Promise<void>;
  /**
   * Takes no more jobs and waits for those in hand, at most `timeoutMs`; then their signals end.
   *
   * @param beforeLeaving runs while the jobs still in hand are this process's own: afterwards others take them
   */
  stop(timeoutMs: number, beforeLeaving?: () => Promise<void>): Promise<void>;
}

/** How often jobs are looked for that were given to us unheard. */
const strayEveryMs = 60_000;
/** How late a job that waits for its time can be, if nobody says when that is. */
const lookEveryMs = 1_000;
/** After a failure of the database, or of a handler that nobody expected. */
const restMs = 1_000;
const restUnderLoadMs = 20;
const crashDelaysMs = [2_000, 10_000, 60_000, 300_000];
const abortedWithinMs = 1_000;

/** The job queue in our own tables: fair by lane, in order by key, one statement for many jobs. */
export function openQueue(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Queue {
  const { db, clock, log } = deps;
  const stopping = new AbortController();
  const loops: { kind: JobKind; wake(): void; stop(timeoutMs: number): Promise<void> }[] = [];
  let joined: Promise<{ worker: Worker; deafen: () => Promise<void> }> | undefined;

  const join = () => {
    joined ??= (async () => ({
      worker: await joinWorkers(deps),
      // Null says that something may have been missed.
      deafen: await db.listen(jobsChannel, (kind) => {
        for (const loop of loops) if (kind === null || kind === loop.kind) loop.wake();
      }),
    }))();
    return joined;
  };

  return {
    async work(kind, limits, handle) {
      const { worker } = await join();
      loops.push(startLoop(deps, worker, kind, limits, handle, stopping.signal));
    },

    async stop(timeoutMs, beforeLeaving) {
      if (!joined) return;
      const { worker, deafen } = await joined;
      const ended = loops.map((loop) => loop.stop(timeoutMs));
      clock.setTimeout(() => stopping.abort(), timeoutMs);
      await Promise.all(ended);
      await deafen();
      await beforeLeaving?.();
      await worker.stop().catch((error: unknown) => log.warn({ err: error }, 'leaving the other processes failed'));
    },
  };
}

function startLoop(
  deps: { db: Database; clock: Clock; log: Log },
  worker: Worker,
  kind: JobKind,
  limits: ConcurrencyLimits,
  handle: (job: Job) => Promise<void>,
  signal: AbortSignal,
) {
  const { db, clock, log } = deps;
  const inHand = new Set<Job>();
  const concurrency = trackConcurrency(limits, clock.elapsed);
  let straysAt = clock.now();
  let isStopped = false;
  let isWoken = false;
  let endWait = () => {};
  let endRest = () => {};
  let whenIdle = () => {};

  const wake = () => {
    isWoken = true;
    endWait();
  };

  async function loop(): Promise<void> {
    let cursor = '';
    let tour = { hasTaken: false, isCrowded: false, nextAt: null as number | null };
    while (!isStopped) {
      // Under load a moment's rest makes one look take what several would: each is dear where there are many lanes.
      if (inHand.size > limits.total / 20) await rest();
      isWoken = false;
      const workerId = worker.id();
      const looked = await look(workerId, cursor).catch((error: unknown) => {
        log.warn({ err: error, queue: kind }, 'the queue could not be read');
        straysAt = clock.now();
        return null;
      });
      for (const { messageId, lane } of looked?.jobs ?? []) void run({ kind, messageId, lane, workerId, signal });
      if (!looked) {
        await waitFor(null, true);
        continue;
      }
      cursor = looked.cursor;
      tour.hasTaken ||= looked.jobs.length > 0;
      tour.isCrowded ||= looked.isCrowded;
      tour.nextAt = earlier(tour.nextAt, looked.nextAt);
      if (cursor !== '') continue;
      if (!tour.hasTaken) await waitFor(tour.nextAt, tour.isCrowded);
      tour = { hasTaken: false, isCrowded: false, nextAt: null };
    }
  }

  async function look(workerId: string, cursor: string): Promise<Claimed | null> {
    if (clock.now() >= straysAt) {
      await freeStrays(db, kind, workerId, inHand);
      straysAt = clock.now() + strayEveryMs;
    }
    const hasRoom = concurrency.hasRoom() && inHand.size < maxRunning(limits);
    return hasRoom ? claim(deps, { kind, workerId, quotas: concurrency.quotas, cursor }) : null;
  }

  function earlier(a: number | null, b: number | null): number | null {
    return a === null || b === null ? (a ?? b) : Math.min(a, b);
  }

  /** @param isCrowded a job that only grows older makes room, too */
  async function waitFor(at: number | null, isCrowded: boolean): Promise<void> {
    if (isWoken || isStopped) return;
    const roomMs = Math.max((isCrowded ? concurrency.nextChangeMs() : null) ?? lookEveryMs, restUnderLoadMs);
    const ms = Math.min(at === null ? lookEveryMs : Math.max(at - clock.now(), 1), roomMs, lookEveryMs);
    await new Promise<void>((done) => {
      const timer = clock.setTimeout(done, ms);
      endWait = () => {
        clock.clearTimeout(timer);
        done();
      };
    });
  }

  function rest(): Promise<void> {
    return new Promise((done) => {
      const timer = clock.setTimeout(done, restUnderLoadMs);
      endRest = () => {
        clock.clearTimeout(timer);
        done();
      };
    });
  }

  async function run(job: Job): Promise<void> {
    inHand.add(job);
    const end = concurrency.start(job.lane);
    try {
      await handle(job);
    } catch (error) {
      log.error({ err: error, queue: kind, messageId: job.messageId }, 'a job failed and runs again');
      await runLater(job);
    }
    inHand.delete(job);
    end();
    if (inHand.size === 0) whenIdle();
    // A hand is free, and the next job of its key may go.
    wake();
  }

  /** It stays ours until the database takes it back: nobody else would ever look for it. */
  async function runLater({ messageId, workerId }: Job): Promise<void> {
    for (;;) {
      try {
        await db.client.$executeRaw`
          UPDATE jobs SET worker_id = NULL, crashes = LEAST(crashes + 1, ${crashDelaysMs.length}::int),
            due_at = ${nowOf(clock)}::timestamptz
              + (${crashDelaysMs}::int[])[LEAST(crashes + 1, ${crashDelaysMs.length}::int)] * interval '1 ms'
          WHERE kind = ${kind}::job_kind AND message_id = ${messageId}::uuid AND worker_id = ${workerId}::uuid`;
        return;
      } catch (error) {
        if (isStopped) return;
        log.warn({ err: error }, 'a job could not be put back');
        await pause(clock, restMs);
      }
    }
  }

  const running = loop();
  return {
    kind,
    wake,
    async stop(timeoutMs: number) {
      isStopped = true;
      endRest();
      wake();
      await running;
      if (inHand.size === 0) return;
      const idle = new Promise<void>((done) => {
        whenIdle = done;
      });
      await Promise.race([idle, pause(clock, timeoutMs + abortedWithinMs)]);
    },
  };
}
