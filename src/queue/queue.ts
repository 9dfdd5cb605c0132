import { type Clock, dateNow, sleep } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type ClaimResult, claim } from './claim.ts';
import { type ConcurrencyLimits, getMaxRunning, trackConcurrency } from './concurrency.ts';
import { type Job, jobsChannel, type QueueName } from './job.ts';
import { releaseOrphanedJobs } from './orphans.ts';
import { registerWorker, type Worker } from './workers.ts';

export interface Queue {
  /** Starts working. A handler ends its job itself, in the transaction that records what it did; one that throws runs again later. */
  work(queue: QueueName, limits: ConcurrencyLimits, handle: (job: Job) => Promise<void>): Promise<void>;
  /**
   * Takes no more jobs and waits for those in hand, at most `timeoutMs`; then their signals end.
   *
   * @param beforeLeaving runs while the jobs still in hand are this process's own: afterwards others take them
   */
  stop(timeoutMs: number, beforeLeaving?: () => Promise<void>): Promise<void>;
}

/** How often jobs are looked for that were given to us unheard. */
const orphanCheckIntervalMs = 60_000;
/** How late a job that waits for its time can be, if nobody says when that is. */
const pollIntervalMs = 1_000;
/** After a failure of the database, or of a handler that nobody expected. */
const errorDelayMs = 1_000;
const debounceUnderLoadMs = 20;
const errorDelaysMs = [2_000, 10_000, 60_000, 300_000];
const abortGraceMs = 1_000;

/** The job queue in our own tables: fair by lane, in order by key, one statement for many jobs. */
export function createQueue(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Queue {
  const { db, clock, log } = deps;
  const stopping = new AbortController();
  const loops: { queue: QueueName; wake(): void; stop(timeoutMs: number): Promise<void> }[] = [];
  let registration: Promise<{ worker: Worker; unlisten: () => Promise<void> }> | undefined;

  const register = () => {
    registration ??= (async () => ({
      worker: await registerWorker(deps),
      // Null says that something may have been missed.
      unlisten: await db.listen(jobsChannel, (queue) => {
        for (const loop of loops) if (queue === null || queue === loop.queue) loop.wake();
      }),
    }))();
    return registration;
  };

  return {
    async work(queue, limits, handle) {
      const { worker } = await register();
      loops.push(startLoop(deps, worker, queue, limits, handle, stopping.signal));
    },

    async stop(timeoutMs, beforeLeaving) {
      if (!registration) return;
      const { worker, unlisten } = await registration;
      const ended = loops.map((loop) => loop.stop(timeoutMs));
      clock.setTimeout(() => stopping.abort(), timeoutMs);
      await Promise.all(ended);
      await unlisten();
      await beforeLeaving?.();
      await worker.stop().catch((error: unknown) => log.warn({ err: error }, 'leaving the other processes failed'));
    },
  };
}

function startLoop(
  deps: { db: Database; clock: Clock; log: Log },
  worker: Worker,
  queue: QueueName,
  limits: ConcurrencyLimits,
  handle: (job: Job) => Promise<void>,
  signal: AbortSignal,
) {
  const { db, clock, log } = deps;
  const running = new Set<Job>();
  const concurrency = trackConcurrency(limits, clock.elapsed);
  let orphanCheckAt = clock.now();
  let isStopped = false;
  let isWoken = false;
  let cancelWait = () => {};
  let cancelDebounce = () => {};
  let onIdle = () => {};

  const wake = () => {
    isWoken = true;
    cancelWait();
  };

  async function loop(): Promise<void> {
    let cursor = '';
    let sweep = { claimedAny: false, isSaturated: false, nextAt: null as number | null };
    while (!isStopped) {
      // Under load a moment's rest makes one look take what several would: each is dear where there are many lanes.
      if (running.size > limits.total / 20) await debounce();
      isWoken = false;
      const workerId = worker.id();
      const polled = await poll(workerId, cursor).catch((error: unknown) => {
        log.warn({ err: error, queue }, 'the queue could not be read');
        orphanCheckAt = clock.now();
        return null;
      });
      for (const { messageId, groupKey } of polled?.jobs ?? []) void run({ queue, messageId, groupKey, workerId, signal });
      if (!polled) {
        await waitFor(null, true);
        continue;
      }
      cursor = polled.cursor;
      sweep.claimedAny ||= polled.jobs.length > 0;
      sweep.isSaturated ||= polled.isSaturated;
      sweep.nextAt = earlier(sweep.nextAt, polled.nextAt);
      if (cursor !== '') continue;
      if (!sweep.claimedAny) await waitFor(sweep.nextAt, sweep.isSaturated);
      sweep = { claimedAny: false, isSaturated: false, nextAt: null };
    }
  }

  async function poll(workerId: string, cursor: string): Promise<ClaimResult | null> {
    if (clock.now() >= orphanCheckAt) {
      await releaseOrphanedJobs(db, queue, workerId, running);
      orphanCheckAt = clock.now() + orphanCheckIntervalMs;
    }
    const hasRoom = concurrency.hasRoom() && running.size < getMaxRunning(limits);
    return hasRoom ? claim(deps, { queue, workerId, quotas: concurrency.quotas, cursor }) : null;
  }

  function earlier(a: number | null, b: number | null): number | null {
    return a === null || b === null ? (a ?? b) : Math.min(a, b);
  }

  /** @param isSaturated a job that only grows older makes room, too */
  async function waitFor(at: number | null, isSaturated: boolean): Promise<void> {
    if (isWoken || isStopped) return;
    const roomMs = Math.max((isSaturated ? concurrency.nextChangeMs() : null) ?? pollIntervalMs, debounceUnderLoadMs);
    const ms = Math.min(at === null ? pollIntervalMs : Math.max(at - clock.now(), 1), roomMs, pollIntervalMs);
    await new Promise<void>((done) => {
      const timer = clock.setTimeout(done, ms);
      cancelWait = () => {
        clock.clearTimeout(timer);
        done();
      };
    });
  }

  function debounce(): Promise<void> {
    return new Promise((done) => {
      const timer = clock.setTimeout(done, debounceUnderLoadMs);
      cancelDebounce = () => {
        clock.clearTimeout(timer);
        done();
      };
    });
  }

  async function run(job: Job): Promise<void> {
    running.add(job);
    const end = concurrency.start(job.groupKey);
    try {
      await handle(job);
    } catch (error) {
      log.error({ err: error, queue, messageId: job.messageId }, 'a job failed and runs again');
      await requeueAfterError(job);
    }
    running.delete(job);
    end();
    if (running.size === 0) onIdle();
    // A hand is free, and the next job of its key may go.
    wake();
  }

  /** It stays ours until the database takes it back: nobody else would ever look for it. */
  async function requeueAfterError({ messageId, workerId }: Job): Promise<void> {
    for (;;) {
      try {
        await db.client.$executeRaw`
          UPDATE jobs SET worker_id = NULL, error_count = LEAST(error_count + 1, ${errorDelaysMs.length}::int),
            due_at = ${dateNow(clock)}::timestamptz
              + (${errorDelaysMs}::int[])[LEAST(error_count + 1, ${errorDelaysMs.length}::int)] * interval '1 ms'
          WHERE queue = ${queue}::queue_name AND message_id = ${messageId}::uuid AND worker_id = ${workerId}::uuid`;
        return;
      } catch (error) {
        if (isStopped) return;
        log.warn({ err: error }, 'a job could not be put back');
        await sleep(clock, errorDelayMs);
      }
    }
  }

  const loopEnded = loop();
  return {
    queue,
    wake,
    async stop(timeoutMs: number) {
      isStopped = true;
      cancelDebounce();
      wake();
      await loopEnded;
      if (running.size === 0) return;
      const idle = new Promise<void>((done) => {
        onIdle = done;
      });
      await Promise.race([idle, sleep(clock, timeoutMs + abortGraceMs)]);
    },
  };
}
