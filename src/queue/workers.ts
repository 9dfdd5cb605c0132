import type { Clock } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { jobsChannel } from './job.ts';

const heartbeatIntervalMs = 2_000;
/** A worker whose heartbeat has stood still for this long is declared dead. */
export const workerTimeoutMs = 10_000;

/** This process, as other workers see it. */
export interface Worker {
  /** Returns the id under which it claims jobs now. */
  id(): string;
  /** Stops the heartbeat and releases the jobs of this worker. */
  stop(): Promise<void>;
}

/**
 * Registers this process as a worker, sends its heartbeat, and releases the jobs of dead workers. A heartbeat is a counter, and each
 * worker measures by its own clock how long others have stood still: clock skew does no harm. It stores what it has measured, so that a
 * sequence of short-lived processes finds dead workers, too.
 *
 * A worker that was declared dead continues under a new id; results of the jobs that it claimed under the old id are discarded (see
 * `finishJobsCte`).
 */
export async function registerWorker(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Promise<Worker> {
  const { db, clock, newId, log } = deps;
  const samples = new Map<string, HeartbeatSample>();
  let reapedAt = clock.now();
  let id = newId();

  await db.client.worker.create({ data: { id } });
  // No other process can use this database, so all other workers are dead.
  if (!db.isShared) {
    const others = await db.client.worker.findMany({ where: { id: { not: id } } });
    for (const other of others) await releaseWorker(db, other);
  }

  async function sendHeartbeat(): Promise<void> {
    const workers = await db.client.$queryRaw<WorkerRow[]>`
      WITH own AS (UPDATE workers SET heartbeat = heartbeat + 1, stale_ms = 0 WHERE id = ${id}::uuid RETURNING id, heartbeat, stale_ms)
      SELECT id::text, heartbeat, stale_ms AS "staleMs" FROM workers WHERE id <> ${id}::uuid
      UNION ALL SELECT id::text, heartbeat, stale_ms FROM own`;
    const others = workers.filter((worker) => worker.id !== id);
    if (others.length === workers.length) {
      log.warn('worker was declared dead; its jobs were reassigned');
      id = newId();
      await db.client.worker.create({ data: { id } });
    }
    await reapStaleWorkers(others);
  }

  async function reapStaleWorkers(others: readonly WorkerRow[]): Promise<void> {
    const now = clock.now();
    // When this process could not poll (database outage, machine asleep), the others perhaps could not send heartbeats.
    if (now - reapedAt > 2 * heartbeatIntervalMs) samples.clear();
    reapedAt = now;
    for (const other of others) {
      const previous = samples.get(other.id);
      if (previous?.heartbeat !== other.heartbeat) {
        samples.set(other.id, { heartbeat: other.heartbeat, since: now - other.staleMs });
        continue;
      }
      const staleMs = now - previous.since;
      if (staleMs >= workerTimeoutMs) {
        if (await releaseWorker(db, other)) log.warn({ worker: other.id }, 'a worker is dead; its jobs are reassigned');
        samples.delete(other.id);
      } else if (staleMs > other.staleMs) {
        await db.client.worker.updateMany({ where: { id: other.id, heartbeat: other.heartbeat }, data: { staleMs } });
      }
    }
  }

  if (db.isShared) await sendHeartbeat();
  let sending: Promise<void> = Promise.resolve();
  const timer = clock.setInterval(() => {
    sending = sending.then(sendHeartbeat).catch((error: unknown) => log.warn({ err: error }, 'a heartbeat failed'));
  }, heartbeatIntervalMs);

  return {
    id: () => id,
    async stop() {
      clock.clearInterval(timer);
      await sending;
      await releaseWorker(db, { id });
    },
  };
}

/** Lists the ids of the workers that are not declared dead. */
export async function listWorkerIds(db: Database): Promise<Set<string>> {
  const rows = await db.client.worker.findMany({ select: { id: true } });
  return new Set(rows.map(({ id }) => id));
}

type WorkerRow = { id: string; heartbeat: number; staleMs: number };

/** A heartbeat, and since when it stands still by this process's clock. */
interface HeartbeatSample {
  heartbeat: number;
  since: number;
}

/** Removes a worker and releases its jobs. @returns false when its heartbeat has moved, or another worker has removed it */
function releaseWorker(db: Database, { id, heartbeat }: { id: string; heartbeat?: number }): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { count } = await tx.worker.deleteMany({ where: { id, heartbeat } });
    if (count === 0) return false;
    // A separate statement: it sees the jobs that were claimed under this id just before it was removed.
    await tx.$queryRaw`
      WITH released AS (UPDATE jobs SET worker_id = NULL WHERE worker_id = ${id}::uuid RETURNING queue)
      SELECT pg_notify(${jobsChannel}, queue::text)::text FROM (SELECT DISTINCT queue FROM released) AS queues`;
    return true;
  });
}
