import { Router } from 'express';
import { countOpen } from '../alerts/store.ts';
import { type Clock, nowOf } from '../core/clock.ts';
import type { Database } from '../database/client.ts';
import { depths } from '../queue/jobs.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';

/** For whoever watches the process: is it up, can it work, what does it do. */
export function health(deps: { db: Database; clock: Clock; metrics: Metrics; log: Log }): Router {
  const router = Router();

  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  router.get('/readyz', async (_request, response) => {
    const checks = {
      database: await answers(deps.log, () => deps.db.client.$queryRaw`SELECT 1`),
      queue: await answers(deps.log, () => depths(deps.db.client, nowOf(deps.clock))),
    };
    const isReady = Object.values(checks).every(Boolean);
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'not ready', checks });
  });

  router.get('/metrics', async (_request, response) => {
    for (const { name, ready, deferred, active, oldestReadySeconds } of await depths(deps.db.client, nowOf(deps.clock))) {
      deps.metrics.queueDepth.set({ queue: name, state: 'ready' }, ready);
      deps.metrics.queueDepth.set({ queue: name, state: 'deferred' }, deferred);
      deps.metrics.queueDepth.set({ queue: name, state: 'active' }, active);
      deps.metrics.queueAge.set({ queue: name }, oldestReadySeconds);
    }
    const installations = await deps.db.client.installation.groupBy({ by: ['kind', 'status'], _count: true });
    deps.metrics.installations.reset();
    for (const { kind, status, _count } of installations) deps.metrics.installations.set({ kind, status }, _count);
    for (const [kind, count] of await countOpen(deps.db.client)) deps.metrics.alerts.set({ kind }, count);
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });

  return router;
}

async function answers(log: Log, ask: () => Promise<unknown>): Promise<boolean> {
  try {
    await ask();
    return true;
  } catch (error) {
    log.warn({ err: error }, 'not ready');
    return false;
  }
}
