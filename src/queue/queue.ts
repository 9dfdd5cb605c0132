import type { Clock } from '../core/clock.ts';
import type { RateLimit } from '../core/gcra.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import type { ConcurrencyLimits } from './concurrency.ts';
import { type Job, jobsChannel, type QueueName } from './job.ts';
import { startWorkerLoop, type WorkerLoop } from './worker-loop.ts';
import { registerWorker, type Worker } from './workers.ts';

/** Limits with which a process works on a queue. */
export interface WorkOptions {
  /** Rate limit, across all processes, of each group without a limit in its row. */
  readonly defaultLimit?: RateLimit;
  /** Concurrency of this process. */
  readonly concurrency: ConcurrencyLimits;
}

/** Job queue of one process: its worker and a loop for each queue that it works on. */
export interface Queue {
  /** Starts working on a queue. A handler finishes its job in the transaction that records the result; after an error the job runs again. */
  work(queue: QueueName, options: WorkOptions, handle: (job: Job) => Promise<void>): Promise<void>;
  /** Polls a queue that was empty: it has jobs whose notification was lost. */
  wakeIfIdle(queue: QueueName): void;
  /** Returns the id under which this process claims jobs now; null before it works on a queue and after it has stopped. */
  getWorkerId(): string | null;
  /**
   * Claims no more jobs and waits up to `timeoutMs` for the running ones; then their signals abort.
   *
   * @param beforeLeaving runs while the unfinished jobs still belong to this process; afterwards other workers claim them
   */
  stop(timeoutMs: number, beforeLeaving?: () => Promise<void>): Promise<void>;
}

/** Creates a job queue in our own tables: fair by group, in order by ordering key, one statement for many jobs. */
export function createQueue(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Queue {
  const { db, clock, log } = deps;
  const stopping = new AbortController();
  const loops: WorkerLoop[] = [];
  let worker: Worker | null = null;
  let registration: Promise<{ worker: Worker; unlisten: () => Promise<void> }> | undefined;

  async function startRegistration() {
    worker = await registerWorker(deps);
    // Null: notifications may have been lost.
    const unlisten = await db.listen(jobsChannel, (queue) => {
      for (const loop of loops) if (queue === null || queue === loop.queue) loop.wake();
    });
    return { worker, unlisten };
  }

  const register = () => {
    registration ??= startRegistration();
    return registration;
  };

  return {
    async work(queue, { defaultLimit = null, concurrency }, handle) {
      const { worker } = await register();
      const options = { queue, worker, defaultLimit, concurrency, handle, signal: stopping.signal };
      loops.push(startWorkerLoop(deps, options));
    },

    wakeIfIdle: (queue) => loops.find((loop) => loop.queue === queue)?.wakeIfIdle(),

    getWorkerId: () => worker?.id() ?? null,

    async stop(timeoutMs, beforeLeaving) {
      if (!registration) return;
      const { worker: registered, unlisten } = await registration;
      const ended = loops.map((loop) => loop.stop(timeoutMs));
      clock.setTimeout(() => stopping.abort(), timeoutMs);
      await Promise.all(ended);
      await unlisten();
      await beforeLeaving?.();
      worker = null;
      await registered
        .stop()
        .catch((error: unknown) => log.warn({ err: error }, 'the worker could not be removed; others declare it dead'));
    },
  };
}
