import express, { Router } from 'express';
import type { CheckDeps } from '../../checks/run-checks.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { handleNotFound } from '../middleware/errors.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { createAlertRoutes } from './alerts.ts';
import { type AuditRouteDeps, createAuditRoutes } from './audit.ts';
import { type ChannelRouteDeps, createChannelRoutes } from './channels.ts';
import { createCheckRoutes } from './checks.ts';
import { type CompanyRouteDeps, createCompanyRoutes } from './companies.ts';
import { createDeadLetterRoutes } from './dead-letters.ts';
import { createLocationRoutes } from './locations.ts';
import { createMessageRoutes, type MessageDeps } from './messages.ts';
import { buildOpenApiDocument } from './openapi.ts';
import { createOverviewRoutes, type OverviewRouteDeps } from './overview.ts';
import { mountRoute } from './route.ts';
import { createSessionRoutes, type SessionRouteDeps } from './session.ts';
import { createUnknownWebhookRoutes } from './unknown-webhooks.ts';

export interface ApiDeps
  extends CheckDeps,
    ChannelRouteDeps,
    MessageDeps,
    CompanyRouteDeps,
    AuditRouteDeps,
    SessionRouteDeps,
    OverviewRouteDeps {
  adminToken: string | undefined;
}

/** Of one address; an agency's own programs stay far below it. */
const requestLimit = { points: 6_000, duration: 60 };

/** The JSON API. Its description and the exchange of a user's context for a token are open; everything else needs a token. */
export function createApiRouter(deps: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
  const routes = [
    ...createSessionRoutes(deps),
    ...createCompanyRoutes(deps),
    ...createLocationRoutes(deps),
    ...createChannelRoutes(deps),
    ...createMessageRoutes(deps),
    ...createDeadLetterRoutes(deps),
    ...createAlertRoutes(deps),
    ...createAuditRoutes(deps),
    ...createUnknownWebhookRoutes(deps),
    ...createOverviewRoutes(deps),
    ...createCheckRoutes(deps),
  ];
  const description = buildOpenApiDocument(routes, deps.appUrl);
  const body = express.json({ limit: '256kb' });

  router.use((_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  router.get('/openapi.json', (_request, response) => {
    response.json(description);
  });
  router.use(limitRequests(requestLimit));
  const smallBody = express.json({ limit: '16kb' });
  for (const defined of routes.filter(({ permission }) => permission === 'none'))
    mountRoute(router, deps.db, defined, smallBody);
  // Who may not read must not make us read their body either.
  router.use(authenticate(deps), body);
  for (const defined of routes.filter(({ permission }) => permission !== 'none')) mountRoute(router, deps.db, defined);
  router.use(handleNotFound);
  return router;
}
