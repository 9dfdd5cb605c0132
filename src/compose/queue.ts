import { dateNow } from '../core/clock.ts';
import { getQueueDepths, type QueueDepth } from '../queue/depth.ts';
import { createQueue, type Queue } from '../queue/queue.ts';
import { repairQueueHeads } from '../queue/sql/repair-heads.ts';
import type { Runtime } from './runtime.ts';

/** The job queue: workers take jobs from it, the health endpoints and the cleanup watch over it. */
export interface QueueCapability extends Queue {
  getDepths(): Promise<QueueDepth[]>;
  repairHeads(): Promise<void>;
}

/** Composes the job queue. */
export function composeQueue(runtime: Pick<Runtime, 'db' | 'clock' | 'newId' | 'log'>): QueueCapability {
  const { db, clock } = runtime;
  return {
    ...createQueue(runtime),
    getDepths: () => getQueueDepths(db.client, dateNow(clock)),
    repairHeads: () => repairQueueHeads(db.client),
  };
}
