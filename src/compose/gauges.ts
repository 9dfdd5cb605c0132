import { countOpenAlerts } from '../alerts/store.ts';
import { countInstallations } from '../installations/store.ts';
import type { QueueDepth } from '../queue/depth.ts';
import { createAdaptiveCache } from '../runtime/adaptive-cache.ts';
import type { QueueCapability } from './queue.ts';
import type { Runtime } from './runtime.ts';

/** The gauges that are read from the database when a collector asks for them. */
export interface Gauges {
  getCachedDepths(): Promise<QueueDepth[]>;
  /** Sets the gauges of queues, installations and alerts. Concurrent calls share their statements. */
  refreshGauges(): Promise<void>;
}

/** Composes the gauges of the database. */
export function composeGauges(
  { db, clock, metrics }: Pick<Runtime, 'db' | 'clock' | 'metrics'>,
  queue: Pick<QueueCapability, 'getDepths'>,
): Gauges {
  const cachedDepths = createAdaptiveCache<QueueDepth[]>(clock);
  const getCachedDepths = () => cachedDepths('depths', queue.getDepths);
  const cachedCounts = createAdaptiveCache<Awaited<ReturnType<typeof countInstallationsAndAlerts>>>(clock);
  return {
    getCachedDepths,
    async refreshGauges() {
      for (const { name, ready, deferred, active, latencySeconds } of await getCachedDepths()) {
        metrics.queueDepth.set({ queue: name, state: 'ready' }, ready);
        metrics.queueDepth.set({ queue: name, state: 'deferred' }, deferred);
        metrics.queueDepth.set({ queue: name, state: 'active' }, active);
        metrics.queueLatency.set({ queue: name }, latencySeconds);
      }
      const { installations, alerts } = await cachedCounts('counts', () => countInstallationsAndAlerts({ db }));
      metrics.installations.reset();
      for (const { kind, status, _count } of installations) metrics.installations.set({ kind, status }, _count);
      for (const [kind, count] of alerts) metrics.alerts.set({ kind }, count);
    },
  };
}

async function countInstallationsAndAlerts({ db }: Pick<Runtime, 'db'>) {
  return { installations: await countInstallations(db.client), alerts: [...(await countOpenAlerts(db.client))] };
}
