import { type RequestHandler, Router } from 'express';
import type { Gauges } from '../compose/gauges.ts';
import { AppError } from '../core/errors.ts';
import { safeEqual } from '../core/safe-equal.ts';
import type { Database } from '../database/client.ts';
import { isWritable } from '../database/info.ts';
import { createAdaptiveCache } from '../runtime/adaptive-cache.ts';
import type { Log } from '../runtime/log.ts';
import type { Metrics } from '../runtime/metrics.ts';
import { type AuthFailureLimitDeps, createAuthFailureLimit } from './middleware/auth-failure-limit.ts';
import { limitRequests } from './middleware/rate-limit.ts';

export interface HealthDeps extends AuthFailureLimitDeps {
  db: Database;
  metrics: Metrics;
  log: Log;
  gauges: Gauges;
  /** Required for `/metrics` if set. */
  metricsToken: string | undefined;
}

/** A load balancer polls every second, a metrics collector every few seconds; each from one address. */
const requestLimit = { points: 600, duration: 60 };

/** Creates the endpoints for monitoring: liveness, readiness, metrics. Concurrent requests share their database queries. */
export function createHealthRouter(deps: HealthDeps): Router {
  const router = Router({ caseSensitive: true });
  const cached = createAdaptiveCache<void>(deps.clock);
  const rateLimited = limitRequests(requestLimit);

  router.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  router.get('/readyz', rateLimited, async (_request, response) => {
    const checks = {
      database: await succeeds(deps.log, () => cached('database', () => requireWritable(deps.db))),
      queue: await succeeds(deps.log, deps.gauges.getCachedDepths),
    };
    const isReady = Object.values(checks).every(Boolean);
    response.status(isReady ? 200 : 503).json({ status: isReady ? 'ready' : 'not ready', checks });
  });

  router.get('/metrics', rateLimited, requireMetricsToken(deps), async (_request, response) => {
    await deps.gauges.refreshGauges();
    response.type(deps.metrics.registry.contentType).send(await deps.metrics.registry.metrics());
  });

  return router;
}

/** Throws for a replica that is not promoted yet and for a read-only server: both respond to queries but store no message. */
async function requireWritable(db: Database): Promise<void> {
  if (!(await isWritable(db.client))) throw new AppError('database_unavailable', 'The database is read-only.');
}

/** Requires the metrics token if one is set: the metrics disclose the number of tenants. */
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
    throw new AppError('unauthorized', 'The metrics require a token. Send Authorization: Bearer <METRICS_TOKEN>.');
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
