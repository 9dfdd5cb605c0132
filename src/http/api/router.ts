import express, { Router } from 'express';
import { requireOperator } from '../middleware/authenticate.ts';
import { notFound } from '../middleware/errors.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { type ChannelRouteDeps, channelRoutes } from './channels.ts';
import { locationRoutes } from './locations.ts';
import { messageRoutes } from './messages.ts';
import { openApiDocument } from './openapi.ts';
import { overviewRoutes } from './overview.ts';
import { mount } from './route.ts';

export interface ApiDeps extends ChannelRouteDeps {
  adminToken: string | undefined;
}

/** Of one address; an agency's own programs stay far below it. */
const requests = { points: 6_000, duration: 60 };

/** The JSON API. Its description is open; everything else needs the operator's token. */
export function api(deps: ApiDeps): Router {
  const router = Router();
  const routes = [...locationRoutes(deps), ...channelRoutes(deps), ...messageRoutes(deps), ...overviewRoutes(deps)];
  const description = openApiDocument(routes, deps.appUrl);

  router.get('/openapi.json', (_request, response) => {
    response.json(description);
  });
  // Who may not read must not make us read their body either.
  router.use(requireOperator(deps.adminToken), limitRequests(requests), express.json({ limit: '256kb' }));
  for (const defined of routes) mount(router, defined);
  router.use(notFound);
  return router;
}
