import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { workerTimeoutMs } from './workers.ts';

/** Workers by health, as seen by a process that need not be a worker itself. */
export interface WorkerCounts {
  alive: number;
  /** Their heartbeat has stood still since this process first read it; another worker declares them dead. */
  unresponsive: number;
}

/** Creates a check that counts workers, and by its own clock those whose heartbeat stands still. The first check counts all as alive. */
export function createWorkerMonitor({ db, clock }: { db: Database; clock: Clock }): () => Promise<WorkerCounts> {
  let samples = new Map<string, { heartbeat: number; since: number }>();
  return async () => {
    const now = clock.now();
    const rows = await db.client.worker.findMany();
    samples = new Map(
      rows.map(({ id, heartbeat }) => {
        const previous = samples.get(id);
        return [id, previous?.heartbeat === heartbeat ? previous : { heartbeat, since: now }];
      }),
    );
    const unresponsive = [...samples.values()].filter(({ since }) => now - since > workerTimeoutMs).length;
    return { alive: samples.size - unresponsive, unresponsive };
  };
}
