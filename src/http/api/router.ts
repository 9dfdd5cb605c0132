import express, { Router } from 'express';
import type { CheckDeps } from '../../checks/run-checks.ts';
import { authenticate } from '../middleware/authenticate.ts';
import { notFound } from '../middleware/errors.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { alertRoutes } from './alerts.ts';
import { type AuditRouteDeps, auditRoutes } from './audit.ts';
import { type ChannelRouteDeps, channelRoutes } from './channels.ts';
import { checkRoutes } from './checks.ts';
import { type CompanyRouteDeps, companyRoutes } from './companies.ts';
import { deadLetterRoutes } from './dead-letters.ts';
import { locationRoutes } from './locations.ts';
import { type MessageDeps, messageRoutes } from './messages.ts';
import { openApiDocument } from './openapi.ts';
import { type OverviewRouteDeps, overviewRoutes } from './overview.ts';
import { mount } from './route.ts';
import { type SessionRouteDeps, sessionRoutes } from './session.ts';
import { unknownWebhookRoutes } from './unknown-webhooks.ts';

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
const requests = { points: 6_000, duration: 60 };

/** The JSON API. Its description and the exchange of a user's context for a token are open; everything else needs a token. */
export function api(deps: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
  const routes = [
    ...sessionRoutes(deps),
    ...companyRoutes(deps),
    ...locationRoutes(deps),
    ...channelRoutes(deps),
    ...messageRoutes(deps),
    ...deadLetterRoutes(deps),
    ...alertRoutes(deps),
    ...auditRoutes(deps),
    ...unknownWebhookRoutes(deps),
    ...overviewRoutes(deps),
    ...checkRoutes(deps),
  ];
  const description = openApiDocument(routes, deps.appUrl);
  const body = express.json({ limit: '256kb' });

  router.use((_request, response, next) => {
    response.set('cache-control', 'no-store');
    next();
  });
  router.get('/openapi.json', (_request, response) => {
    response.json(description);
  });
  router.use(limitRequests(requests));
  const smallBody = express.json({ limit: '16kb' });
  for (const defined of routes.filter(({ needs }) => needs === 'nothing')) mount(router, deps.db, defined, smallBody);
  // Who may not read must not make us read their body either.
  router.use(authenticate(deps), body);
  for (const defined of routes.filter(({ needs }) => needs !== 'nothing')) mount(router, deps.db, defined);
  router.use(notFound);
  return router;
}
