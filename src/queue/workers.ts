import type { Clock } from '../core/clock.ts';
import type { NewId } from '../core/ids.ts';
import type { Database } from '../database/client.ts';
import type { Log } from '../runtime/log.ts';
import { jobsChannel } from './job.ts';

const heartbeatIntervalMs = 2_000;
/** A process whose heartbeat have stood still for so long is gone. */
export const workerTimeoutMs = 10_000;

/** This process as others see it. */
export interface Worker {
  /** Under which name it takes jobs now. */
  id(): string;
  stop(): Promise<void>;
}

/**
 * Tells the other processes that this one lives, and frees the jobs of those that do not. Beats are counted, and each process judges by
 * its own clock how long they have stood still: clocks that disagree do no harm. What one has seen of a silence it hands on, so that
 * processes that live shortly find the dead too.
 *
 * A process that was taken for dead gets a new name; what it still has in hand under the old one counts no more (see `finishJobsCte`).
 */
export async function registerWorker(deps: { db: Database; clock: Clock; newId: NewId; log: Log }): Promise<Worker> {
  const { db, clock, newId, log } = deps;
  const samples = new Map<string, HeartbeatSample>();
  let reapedAt = clock.now();
  let id = newId();

  await db.client.worker.create({ data: { id } });
  // Nobody else can use it, so whoever was here before us is gone.
  if (!db.isShared) {
    const others = await db.client.worker.findMany({ where: { id: { not: id } } });
    for (const other of others) await releaseWorker(db, other);
  }

  async function sendHeartbeat(): Promise<void> {
    const { count } = await db.client.worker.updateMany({ where: { id }, data: { heartbeat: { increment: 1 }, staleMs: 0 } });
    if (count === 0) {
      log.warn('this process was taken for dead: what it has in hand, others do');
      id = newId();
      await db.client.worker.create({ data: { id } });
    }
    await reapStaleWorkers();
  }

  async function reapStaleWorkers(): Promise<void> {
    const others = await db.client.worker.findMany({ where: { id: { not: id } } });
    const now = clock.now();
    // When we could not look (the database was away, the machine slept), the others perhaps could not beat.
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
        if (await releaseWorker(db, other)) log.warn({ worker: other.id }, 'a process is gone; its jobs are taken over');
        samples.delete(other.id);
      } else if (staleMs > other.staleMs) {
        await db.client.worker.updateMany({ where: { id: other.id, heartbeat: other.heartbeat }, data: { staleMs: staleMs } });
      }
    }
  }

  if (db.isShared) await reapStaleWorkers();
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

/** Since when heartbeat stand still, by our clock. */
interface HeartbeatSample {
  heartbeat: number;
  since: number;
}

/** @returns false when it has beaten meanwhile, or somebody else has freed it */
function releaseWorker(db: Database, { id, heartbeat }: { id: string; heartbeat?: number }): Promise<boolean> {
  return db.transaction(async (tx) => {
    const { count } = await tx.worker.deleteMany({ where: { id, heartbeat: heartbeat } });
    if (count === 0) return false;
    // A statement of its own: it sees what was claimed under this name just before the name went.
    await tx.$queryRaw`
      WITH freed AS (UPDATE jobs SET worker_id = NULL WHERE worker_id = ${id}::uuid RETURNING queue)
      SELECT pg_notify(${jobsChannel}, queue::text)::text FROM (SELECT DISTINCT queue FROM freed) AS queues`;
    return true;
  });
}
