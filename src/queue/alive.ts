import type { Clock } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { goneAfterMs } from './workers.ts';

/** The processes that work on jobs, as one that may not do so itself sees them. */
export interface WorkersSeen {
  alive: number;
  /** Whose beats have stood still since we first looked; they count as gone when another worker notices. */
  still: number;
}

/** Looks at who works, and by its own clock at whose beats stand still: at the first look all count as alive. */
export function workersSeen({ db, clock }: { db: Database; clock: Clock }): () => Promise<WorkersSeen> {
  let seen = new Map<string, { beats: number; since: number }>();
  return async () => {
    const now = clock.now();
    const rows = await db.client.worker.findMany();
    seen = new Map(
      rows.map(({ id, beats }) => {
        const before = seen.get(id);
        return [id, before?.beats === beats ? before : { beats, since: now }];
      }),
    );
    const still = [...seen.values()].filter(({ since }) => now - since > goneAfterMs).length;
    return { alive: seen.size - still, still };
  };
}
