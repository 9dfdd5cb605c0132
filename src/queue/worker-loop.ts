import { type Clock, dateNow } from '../core/clock.ts';
import type { RateLimit } from '../core/gcra.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type ClaimResult, claim } from './claim.ts';
import { type Concurrency, type ConcurrencyLimits, getMaxRunning, trackConcurrency } from './concurrency.ts';
import type { Job, QueueName } from './job.ts';
import { releaseOrphanedJobs } from './orphans.ts';
import { createSleeper, type Sleeper } from './sleeper.ts';
import { maxGroups } from './sql/ready-groups.ts';
import { requeueJob } from './sql/requeue-job.ts';
import type { Worker } from './workers.ts';

/** Dependencies of a worker loop. */
export interface WorkerLoopDeps {
  db: Database;
  clock: Clock;
  log: Log;
}

/** Options of a worker loop. */
export interface WorkerLoopOptions {
  readonly queue: QueueName;
  readonly worker: Worker;
  /** Limit of groups without a limit in their row; null for no limit. */
  readonly defaultLimit: RateLimit | null;
  readonly concurrency: ConcurrencyLimits;
  readonly handle: (job: Job) => Promise<void>;
  /** Passed to the jobs; aborts when the process stops. */
  readonly signal: AbortSignal;
}

/** A loop that polls one queue and runs its jobs. */
export interface WorkerLoop {
  readonly queue: QueueName;
  /** Polls soon, as there may be new jobs. */
  wake(): void;
  /** Polls soon if the queue was empty: there are jobs whose notification was lost. */
  wakeIfIdle(): void;
  /** Claims no more jobs; resolves when the running ones have ended, at the latest a moment after `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

/** Interval of the check for jobs that were claimed without this process learning of it. */
const orphanCheckIntervalMs = 60_000;
/** Longest time between two polls while jobs wait. */
const pollIntervalMs = 1_000;
/** Delay between two tries to return a failed job to the queue. */
const requeueRetryDelayMs = 1_000;
const debounceUnderLoadMs = 20;
/** Groups that a poll reads though fewer jobs could start: each poll has a cost of its own. */
const minGroups = 100;
const errorDelaysMs = [2_000, 10_000, 60_000, 300_000];
const abortGraceMs = 1_000;
/** The column is an integer; at 100 polls a second the numbers repeat after eight months. */
const maxClaimNumber = 2 ** 31;

interface LoopState extends WorkerLoopDeps, Omit<WorkerLoopOptions, 'concurrency'> {
  readonly limits: ConcurrencyLimits;
  readonly slots: Concurrency;
  readonly running: Set<Job>;
  /** Between polls. */
  readonly pollDelay: Sleeper;
  /** Before a poll under load. */
  readonly debounce: Sleeper;
  /** While stopping, until no job runs. */
  readonly idle: Sleeper;
  orphanCheckAt: number;
  /** Number of the last poll. */
  claimNumber: number;
  /** Most groups that the last poll read had a job to claim: a poll that reads more groups than there are free slots could not serve them. */
  isBacklogged: boolean;
  isStopped: boolean;
  /** Between polls, and the last one has seen no job. */
  isIdle: boolean;
  /** A wake-up came after the current poll started, so the next poll must follow at once. */
  isWoken: boolean;
}

/** Polls that together see each group once. */
interface Sweep {
  readonly cursor: string;
  readonly claimedAny: boolean;
  readonly isEmpty: boolean;
  readonly isSaturated: boolean;
  readonly nextAt: number | null;
}

const newSweep: Sweep = { cursor: '', claimedAny: false, isEmpty: true, isSaturated: false, nextAt: null };

/** Without a free slot; a running job that grows older may free one. */
const saturatedSweep: Sweep = { ...newSweep, isEmpty: false, isSaturated: true };

/** Starts polling a queue and running its jobs. */
export function startWorkerLoop(deps: WorkerLoopDeps, { concurrency, ...options }: WorkerLoopOptions): WorkerLoop {
  const { clock } = deps;
  const loop: LoopState = {
    ...deps,
    ...options,
    limits: concurrency,
    slots: trackConcurrency(concurrency, clock.elapsed),
    running: new Set(),
    pollDelay: createSleeper(clock),
    debounce: createSleeper(clock),
    idle: createSleeper(clock),
    orphanCheckAt: clock.now(),
    claimNumber: 0,
    isBacklogged: false,
    isStopped: false,
    isIdle: false,
    isWoken: false,
  };
  const ended = runLoop(loop);
  return {
    queue: options.queue,
    wake: () => wake(loop),
    wakeIfIdle: () => loop.isIdle && wake(loop),
    async stop(timeoutMs) {
      loop.isStopped = true;
      loop.debounce.wake();
      wake(loop);
      await ended;
      if (loop.running.size > 0) await loop.idle.sleep(timeoutMs + abortGraceMs);
    },
  };
}

function wake(loop: LoopState): void {
  loop.isWoken = true;
  loop.pollDelay.wake();
}

async function runLoop(loop: LoopState): Promise<void> {
  let sweep = newSweep;
  while (!loop.isStopped) {
    // Debounce under load, so that one poll claims what several would: a poll is expensive where there are many groups.
    if (loop.running.size > loop.limits.total / 20) await loop.debounce.sleep(debounceUnderLoadMs);
    loop.isWoken = false;
    const workerId = loop.worker.id();
    const polled = await poll(loop, workerId, sweep.cursor).catch((error: unknown) => {
      loop.log.warn({ err: error, queue: loop.queue }, 'polling the queue failed');
      // The claim may have committed.
      loop.orphanCheckAt = loop.clock.now();
      return null;
    });
    for (const { messageId, groupKey } of polled?.jobs ?? []) {
      void runJob(loop, {
        queue: loop.queue,
        messageId,
        groupKey,
        workerId,
        claimNumber: loop.claimNumber,
        signal: loop.signal,
      });
    }
    if (!polled) {
      await waitForWork(loop, saturatedSweep);
      continue;
    }
    sweep = extendSweep(sweep, polled);
    if (sweep.cursor !== '') continue;
    if (!sweep.claimedAny) await waitForWork(loop, sweep);
    sweep = newSweep;
  }
}

/** Claims jobs. @returns null without a free slot */
async function poll(loop: LoopState, workerId: string, cursor: string): Promise<ClaimResult | null> {
  const { db, clock, queue, defaultLimit, limits, slots, running } = loop;
  if (clock.now() >= loop.orphanCheckAt) {
    await releaseOrphanedJobs(db, queue, workerId, running);
    loop.orphanCheckAt = clock.now() + orphanCheckIntervalMs;
  }
  const freeSlots = slots.hasRoom() ? getMaxRunning(limits) - running.size : 0;
  if (freeSlots <= 0) return null;
  const maxRead = loop.isBacklogged ? Math.min(Math.max(freeSlots, minGroups), maxGroups) : maxGroups;
  loop.claimNumber = (loop.claimNumber + 1) % maxClaimNumber;
  const { claimNumber } = loop;
  const claimed = await claim(loop, { queue, workerId, claimNumber, defaultLimit, quotas: slots.quotas, cursor, maxRead });
  loop.isBacklogged = claimed.jobs.length >= maxRead / 2 || claimed.jobs.length >= freeSlots;
  return claimed;
}

function extendSweep(sweep: Sweep, polled: ClaimResult): Sweep {
  const times = [sweep.nextAt, polled.nextAt].filter((at) => at !== null);
  return {
    cursor: polled.cursor,
    claimedAny: sweep.claimedAny || polled.jobs.length > 0,
    isEmpty: sweep.isEmpty && polled.isEmpty,
    isSaturated: sweep.isSaturated || polled.isSaturated,
    nextAt: times.length > 0 ? Math.min(...times) : null,
  };
}

/** Sleeps until the next poll. An empty queue is polled only for orphaned jobs: new ones wake the loop. */
async function waitForWork(loop: LoopState, { nextAt, isEmpty, isSaturated }: Sweep): Promise<void> {
  if (loop.isWoken || loop.isStopped) return;
  // A job became due while the poll ran, which has seen it as waiting.
  if (nextAt !== null && nextAt <= loop.clock.now()) return;
  loop.isIdle = isEmpty;
  const roomMs = isSaturated ? loop.slots.nextChangeMs() : null;
  await loop.pollDelay.sleep(isEmpty ? orphanCheckIntervalMs : getPollDelayMs({ nextAt, roomMs, now: loop.clock.now() }));
  loop.isIdle = false;
}

/**
 * Returns the delay of the next poll.
 *
 * @param times `nextAt`: when a waiting group becomes claimable. `roomMs`: until a slot may become free without a job ending
 */
export function getPollDelayMs(times: { nextAt: number | null; roomMs: number | null; now: number }): number {
  const { nextAt, roomMs, now } = times;
  const claimableMs = nextAt === null ? pollIntervalMs : Math.max(nextAt - now, 1);
  return Math.min(claimableMs, Math.max(roomMs ?? pollIntervalMs, debounceUnderLoadMs), pollIntervalMs);
}

async function runJob(loop: LoopState, job: Job): Promise<void> {
  const { running, log, queue } = loop;
  running.add(job);
  const end = loop.slots.start(job.groupKey);
  try {
    await loop.handle(job);
  } catch (error) {
    log.error({ err: error, queue, messageId: job.messageId }, 'a job failed and runs again later');
    await requeueAfterError(loop, job);
  }
  running.delete(job);
  end();
  if (running.size === 0) loop.idle.wake();
  // A slot is free, and the next job of the ordering key may be claimable.
  wake(loop);
}

/** Returns a job to the queue, and retries until the database accepts it: while this worker lives, no other would claim the job. */
async function requeueAfterError(loop: LoopState, job: Job): Promise<void> {
  const retryDelay = createSleeper(loop.clock);
  for (;;) {
    try {
      await requeueJob(loop.db.client, job, errorDelaysMs, dateNow(loop.clock));
      return;
    } catch (error) {
      if (loop.isStopped) return;
      loop.log.warn({ err: error }, 'a failed job could not be returned to the queue yet');
      await retryDelay.sleep(requeueRetryDelayMs);
    }
  }
}
