import { type RequestHandler, Router } from 'express';
import { countOpenAlerts } from '../alerts/store.ts';
import { dateNow } from '../core/clock.ts';
import { AppError } from '../core/errors.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { Database } from '../database/client.ts';
import { isWritable } from '../database/info.ts';
import { getQueueDepths } from '../queue/depth.ts';
import { createAdaptiveCache } from '../runtime/adaptive-cache.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type AuthFailureLimitDeps, createAuthFailureLimit } from './middleware/auth-failure-limit.ts';
import { limitRequests } from './middleware/rate-limit.ts';

export interface HealthDeps extends AuthFailureLimitDeps {
  db: Database;
  metrics: Metrics;
  log: Log;
  /** Needed for `/metrics` where it is set. */
  metricsToken: string | undefined;
}

/** A balancer asks every second, a collector every few; each from one address. */
const requestLimit = { points: 600, duration: 60 };

/** Creates the addresses for whoever watches the process: is it up, can it work, what does it do. Their looks at the database are shared. */
export function createHealthRouter(deps: HealthDeps): Router {
  const router = Router({ caseSensitive: true });
  const cached = createAdaptiveCache<unknown>(deps.clock);
  const getCachedDepths = () =>
    cached('depths', () => getQueueDepths(deps.db.client, dateNow(deps.clock))) as ReturnType<typeof getQueueDepths>;
  const getCachedCounts = () =>
    cached('counts', () => countInstallationsAndAlerts(deps.db)) as ReturnType<typeof countInstallationsAndAlerts>;
  const rateLimited = limitRequests(requestLimit);

  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  router.get('/readyz', rateLimited, async (_request, response) => {
    const checks = {
      database: await succeeds(deps.log, () => cached('database', () => requireWritable(deps.db))),
      queue: await succeeds(deps.log, getCachedDepths),
    };
    const isReady = Object.values(checks).every(Boolean);
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'not ready', checks });
  });

  router.get('/metrics', rateLimited, requireMetricsToken(deps), async (_request, response) => {
    for (const { name, ready, deferred, active, latencySeconds } of await getCachedDepths()) {
      deps.metrics.queueDepth.set({ queue: name, state: 'ready' }, ready);
      deps.metrics.queueDepth.set({ queue: name, state: 'deferred' }, deferred);
      deps.metrics.queueDepth.set({ queue: name, state: 'active' }, active);
      deps.metrics.queueLatency.set({ queue: name }, latencySeconds);
    }
    const { installations, alerts } = await getCachedCounts();
    deps.metrics.installations.reset();
    for (const { kind, status, _count } of installations) deps.metrics.installations.set({ kind, status }, _count);
    for (const [kind, count] of alerts) deps.metrics.alerts.set({ kind }, count);
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });

  return router;
}

async function countInstallationsAndAlerts({ client }: Database) {
  const installations = await client.installation.groupBy({ by: ['kind', 'status'], _count: true });
  return { installations, alerts: [...(await countOpenAlerts(client))] };
}

/** A replica that is not promoted yet, or a server that has been made read-only, answers and takes nothing. */
async function requireWritable(db: Database): Promise<void> {
  if (!(await isWritable(db.client))) throw new AppError('database_unavailable', 'The database is read-only.');
}

/** Lets a collector pass that knows the token, where there is one: the figures say how many tenants there are. */
function requireMetricsToken(deps: HealthDeps): RequestHandler {
  const token = deps.metricsToken;
  const authFailureLimit = createAuthFailureLimit(deps);
  return async (request, response, next) => {
    if (token === undefined) return next();
    const authorization = request.get('authorization');
    if (authorization !== undefined) {
      await authFailureLimit.check('metrics_token', request.ip);
      if (safeEqual(authorization, `Bearer ${token}`)) return next();
      await authFailureLimit.recordFailure('metrics_token', request.ip);
    }
    response.set('www-authenticate', 'Bearer');
    throw new AppError('unauthorized', 'This needs METRICS_TOKEN: Authorization: Bearer <METRICS_TOKEN>.');
  };
}

async function succeeds(log: Log, check: () => Promise<unknown>): Promise<boolean> {
  try {
    await check();
    return true;
  } catch (error) {
    log.warn({ err: error }, 'not ready');
    return false;
  }
}
