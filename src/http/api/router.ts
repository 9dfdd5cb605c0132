import express, { Router } from 'express';
import type { Installations } from '../../compose/installations.ts';
import { AppError } from '../../core/errors.ts';
import { type AuthenticateDeps, authenticate } from '../middleware/authenticate.ts';
import { handleNotFound } from '../middleware/errors.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { createAlertRoutes } from './alerts.ts';
import { type AuditRouteDeps, createAuditRoutes } from './audit.ts';
import { type CallRouteDeps, createCallRoutes } from './calls.ts';
import { type ChannelRouteDeps, createChannelRoutes } from './channels.ts';
import { type CheckRouteDeps, createCheckRoutes } from './checks.ts';
import { type CompanyRouteDeps, createCompanyRoutes } from './companies.ts';
import { type ConnectionRouteDeps, createConnectionRoutes } from './connections.ts';
import { createDeadLetterRoutes, type DeadLetterRouteDeps } from './dead-letters.ts';
import { createLocationRoutes, type LocationRouteDeps } from './locations.ts';
import { createMessageRoutes, type MessageRouteDeps } from './messages.ts';
import { buildOpenApiDocument } from './openapi.ts';
import { createOptOutRoutes, type OptOutRouteDeps } from './opt-outs.ts';
import { createOverviewRoutes, type OverviewRouteDeps } from './overview.ts';
import { createPrivacyRoutes, type PrivacyRouteDeps } from './privacy.ts';
import { type ApiRoute, mountRoute } from './route.ts';
import { createRoutingRoutes, type RoutingRouteDeps } from './routing.ts';
import { createSessionRoutes, type SessionRouteDeps } from './session.ts';
import { createTokenRoutes, type TokenRouteDeps } from './tokens.ts';
import { createUnknownWebhookRoutes } from './unknown-webhooks.ts';
import { createWebhookRoutes, type WebhookRouteDeps } from './webhooks.ts';
import { createWorkflowTriggerRoutes, type WorkflowTriggerRouteDeps } from './workflow-triggers.ts';

export type ApiDeps = AuthenticateDeps &
  AuditRouteDeps &
  CallRouteDeps &
  ChannelRouteDeps &
  CheckRouteDeps &
  CompanyRouteDeps &
  ConnectionRouteDeps &
  DeadLetterRouteDeps &
  LocationRouteDeps &
  MessageRouteDeps &
  OptOutRouteDeps &
  OverviewRouteDeps &
  PrivacyRouteDeps &
  RoutingRouteDeps &
  SessionRouteDeps &
  TokenRouteDeps &
  WebhookRouteDeps & { installations: Pick<Installations, 'findTokenAccess'> } & WorkflowTriggerRouteDeps;

/** Limit of one IP address; an agency's own programs stay far below it. */
const requestLimit = { points: 6_000, duration: 60 };

/** Lists all endpoints of the API, in the order of its description. Creating them uses no dependency: only requests do. */
export function listApiRoutes(deps: ApiDeps): ApiRoute[] {
  return [
    ...createSessionRoutes(deps),
    ...createCompanyRoutes(deps),
    ...createLocationRoutes(deps),
    ...createChannelRoutes(deps),
    ...createCallRoutes(deps),
    ...createConnectionRoutes(deps),
    ...createRoutingRoutes(deps),
    ...createMessageRoutes(deps),
    ...createOptOutRoutes(deps),
    ...createWorkflowTriggerRoutes(deps),
    ...createPrivacyRoutes(deps),
    ...createDeadLetterRoutes(deps),
    ...createAlertRoutes(deps),
    ...createAuditRoutes(deps),
    ...createTokenRoutes(deps),
    ...createWebhookRoutes(deps),
    ...createUnknownWebhookRoutes(deps),
    ...createOverviewRoutes(deps),
    ...createCheckRoutes(deps),
  ];
}

/** Creates the JSON API. All endpoints need a token, except the API's description and the exchange of a user context for a token. */
export function createApiRouter(deps: ApiDeps): Router {
  const router = Router({ caseSensitive: true });
  const routes = listApiRoutes(deps);
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
  // Authenticates before the body is read, so that strangers cannot make us read bodies.
  router.use(authenticate(deps, deps.installations.findTokenAccess), body);
  for (const defined of routes.filter(({ permission }) => permission !== 'none')) mountRoute(router, deps.db, defined);
  rejectOtherMethods(router, routes);
  router.use(handleNotFound);
  return router;
}

/** Rejects other methods on the paths of endpoints: to a caller, `not_found` would be about the object that the path names. */
function rejectOtherMethods(router: Router, routes: readonly ApiRoute[]): void {
  for (const [path, onPath] of Map.groupBy(routes, (route) => route.path)) {
    const allowed = onPath.map(({ method }) => (method === 'get' ? 'GET, HEAD' : method.toUpperCase())).join(', ');
    router.all(path, (_request, response) => {
      response.set('allow', allowed);
      throw new AppError('method_not_allowed', `This endpoint supports only ${allowed}.`);
    });
  }
}
