import { fromPrisma, type JobResult, PgBoss, type Job as QueuedJob } from 'pg-boss';
import { type Clock, nowOf } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database, Executor } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { type QueueName, queueNames, queueSettings, workersPerQueue, workSettings } from './queues.ts';

export type { QueueName };

/** One job in hand. Settle it inside the transaction that records what it did: then both happened or neither. */
export interface Job {
  readonly messageId: string;
  /** Ends when the program stops or somebody else has taken the job over. */
  readonly signal: AbortSignal;
  /** The work is done; the next job of the same key may go. */
  complete(tx: Executor): Promise<void>;
  /** The same job again at `at`; later jobs of its key wait behind it. */
  runAgain(tx: Executor, at: Date): Promise<void>;
}

export interface Queue {
  /** Adds a job inside the transaction that makes it necessary. @param options.startAt leave out for "now" */
  enqueue(tx: Executor, name: QueueName, job: { messageId: string; key: string; startAt?: Date | undefined }): Promise<void>;
  /**
   * Stores rows and adds a job for each that was stored, in one statement: both or neither, and one round trip for any number.
   *
   * @param rows an INSERT of messages that ends in `RETURNING id`; its parameters are $2 and on
   * @returns the ids of the messages that were stored
   */
  storeWithJobs(
    on: Executor,
    name: QueueName,
    rows: { sql: string; values: readonly unknown[] },
    jobs: readonly { messageId: string; key: string }[],
  ): Promise<Set<string>>;
  /** Starts working. A handler that returns without settling has completed its job; one that throws runs again later. */
  work(name: QueueName, handle: (job: Job) => Promise<void>): Promise<void>;
  /** Jobs of these messages that wait for their time need not wait any more. */
  wake(tx: Executor, name: QueueName, messageIds: readonly string[]): Promise<void>;
  /** Length and age of each queue, as of a few seconds ago. */
  depths(): Promise<QueueDepth[]>;
  /** Takes no more jobs and waits for those in hand, at most `timeoutMs`. */
  stop(timeoutMs: number): Promise<void>;
}

export interface QueueDepth {
  name: string;
  ready: number;
  deferred: number;
  active: number;
  oldestReadySeconds: number;
}

/** Opens the job queue in the same database (pg-boss, schema `pgboss`). */
export async function openQueue(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Promise<Queue> {
  const { clock, newId, log } = deps;
  const boss = new PgBoss({
    ...deps.db.queueConnection,
    clock,
    useListenNotify: true,
    // How soon jobs of a killed process are noticed, and how fresh the depths are.
    superviseIntervalSeconds: 5,
    monitorIntervalSeconds: 5,
    queueCacheIntervalSeconds: 5,
    registerInstance: false,
  });
  boss.on('error', (error) => log.error({ err: error }, 'the queue had an error'));
  boss.on('warning', ({ message, data }) => log.warn({ data }, `queue: ${message}`));
  await boss.start();
  for (const name of queueNames) {
    await boss.createQueue(name, queueSettings);
    const { policy: _, ...changeable } = queueSettings;
    await boss.updateQueue(name, changeable);
  }

  return {
    async enqueue(tx, name, { messageId, key, startAt }) {
      // With a start time the job looks deferred and nobody is woken, so "now" must not be said as a time.
      const later = startAt && startAt.getTime() > clock.now() ? { startAfter: startAt } : {};
      await boss.send(
        name,
        { messageId },
        // Jobs of one commit share their time; the queue then orders them by id, so the id must say the order.
        { id: newId(), singletonKey: key, db: fromPrisma(tx), ...later },
      );
    },

    async work(name, handle) {
      for (let worker = 0; worker < workersPerQueue[name]; worker++) {
        let workerId = '';
        workerId = await boss.work<{ messageId: string }, unknown, typeof workSettings>(name, workSettings, async (batch) => {
          const results = await Promise.all(batch.map((queued) => run(boss, log, name, queued, handle)));
          // Nobody is notified when a finished job frees the next one of its key, so look again at once.
          boss.notifyWorker(workerId);
          return results;
        });
      }
    },

    async storeWithJobs(on, name, rows, jobs) {
      const inserted = jobs.map(({ messageId, key }) => ({ id: newId(), data: { messageId }, singletonKey: key }));
      const messageOf = new Map(inserted.map(({ id, data }) => [id, data.messageId]));
      const executeSql = async (sql: string, [payload]: unknown[]) => ({
        rows: await on.$queryRawUnsafe<{ id: string }[]>(afterStoring(sql, rows.sql), payload, ...rows.values),
      });
      const ids = await boss.insert(name, inserted, { db: { executeSql }, returnId: true });
      return new Set((ids ?? []).map((id) => messageOf.get(id) as string));
    },

    async wake(tx, name, messageIds) {
      // pg-boss changes one job's time by its id or its key; these are many, and only their messages are known.
      const now = nowOf(clock);
      await tx.$executeRaw`
        UPDATE pgboss.job SET start_after = ${now}
        WHERE name = ${name} AND state < 'active' AND start_after > ${now} AND data->>'messageId' = ANY (${[...messageIds]})`;
    },

    async depths() {
      const queues = await boss.getQueues([...queueNames]);
      return queues.map((queue) => ({
        name: queue.name,
        ready: queue.readyCount,
        deferred: queue.deferredCount,
        active: queue.activeCount,
        oldestReadySeconds: queue.readyOldestSeconds ?? 0,
      }));
    },

    stop: (timeoutMs) => boss.stop({ graceful: true, timeout: timeoutMs }),
  };
}

/** pg-boss's own insert, with the rows before it and only the jobs of those that were stored. */
function afterStoring(insertJobs: string, insertRows: string): string {
  const allJobs = '$1::text::json';
  const text = insertJobs.trim();
  if (!text.startsWith('WITH ') || !text.includes(allJobs)) {
    throw new Error('pg-boss writes its insert in another way than this version was built for.');
  }
  const storedJobs = `(SELECT COALESCE(json_agg(job), '[]') FROM json_array_elements(${allJobs}) AS job
    JOIN stored ON stored.id::text = job->'data'->>'messageId')`;
  return `WITH stored AS (${insertRows}), ${text.slice('WITH '.length).replace(allJobs, () => storedJobs)}`;
}

async function run(
  boss: PgBoss,
  log: Log,
  name: QueueName,
  queued: QueuedJob<{ messageId: string }>,
  handle: (job: Job) => Promise<void>,
): Promise<JobResult> {
  // Naming the attempt keeps a process that was thought dead from settling what another has taken over.
  const attempt = { id: queued.id, retryCount: queued.retryCount };
  try {
    await handle({
      messageId: queued.data.messageId,
      signal: queued.signal,
      async complete(tx) {
        await boss.complete(name, attempt, null, { db: fromPrisma(tx) });
      },
      async runAgain(tx, at) {
        await boss.fail(name, attempt, null, { db: fromPrisma(tx) });
        await boss.update(name, undefined, { id: queued.id, startAfter: at, db: fromPrisma(tx) });
      },
    });
    return { id: queued.id, status: 'completed' };
  } catch (error) {
    log.error({ err: error, queue: name, messageId: queued.data.messageId }, 'a job failed and runs again');
    return { id: queued.id, status: 'failed' };
  }
}
