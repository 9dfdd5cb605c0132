import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { workerTimeoutMs } from './workers.ts';

/** The processes that work on jobs, as one that may not do so itself sees them. */
export interface WorkerCounts {
  alive: number;
  /** Whose heartbeat have stood still since we first looked; they count as gone when another worker notices. */
  unresponsive: number;
}

/** Looks at who works, and by its own clock at whose heartbeat stand still: at the first look all count as alive. */
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
