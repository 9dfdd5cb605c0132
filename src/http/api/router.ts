import express, { Router } from 'express';
import { requireOperator } from '../middleware/authenticate.ts';
import { notFound } from '../middleware/errors.ts';
import { type ChannelRouteDeps, channelRoutes } from './channels.ts';
import { locationRoutes } from './locations.ts';
import { messageRoutes } from './messages.ts';
import { openApiDocument } from './openapi.ts';
import { overviewRoutes } from './overview.ts';
import { mount } from './route.ts';

export interface ApiDeps extends ChannelRouteDeps {
  adminToken: string | undefined;
}

/** The JSON API. Its description is open; everything else needs the operator's token. */
export function api(deps: ApiDeps): Router {
  const router = Router();
  const routes = [...locationRoutes(deps), ...channelRoutes(deps), ...messageRoutes(deps), ...overviewRoutes(deps)];
  const description = openApiDocument(routes, deps.appUrl);

  router.get('/openapi.json', (_request, response) => {
    response.json(description);
  });
  // Who may not read must not make us read their body either.
  router.use(requireOperator(deps.adminToken), express.json({ limit: '256kb' }));
  for (const defined of routes) mount(router, defined);
  router.use(notFound);
  return router;
}
