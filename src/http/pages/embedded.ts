import { type RequestHandler, Router } from 'express';
import { type AuthenticateDeps, authenticate } from '../middleware/authenticate.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { escapeHtml } from './framework/render.ts';
import { createLiveRouter, createPageRouter, type PageRouterDeps } from './framework/router.ts';
import type { PageShell } from './framework/shell.ts';
import { createPages, type PageDeps } from './registry.ts';

export interface EmbeddedRouterDeps extends AuthenticateDeps, PageRouterDeps, PageDeps {}

/** Per IP address: a whole agency may share one. */
const requestLimit = { points: 1_200, duration: 60 };

/** Creates the router of the pages inside the CRM, as fragments for the shell at `/embed`. The token alone identifies the caller. */
export function createEmbeddedRouter(deps: EmbeddedRouterDeps): Router {
  const pages = createPages(deps);
  const authenticated: RequestHandler[] = [limitRequests(requestLimit), authenticate(deps)];
  const router = Router({ caseSensitive: true });
  router.use('/embed/live', ...authenticated, createLiveRouter(deps, pages, shell));
  router.use('/embed/pages', ...authenticated, createPageRouter(deps, pages, shell));
  return router;
}

/** The embedded shell: links are hashes, and its script inserts the fragments. */
const shell: PageShell = {
  href: (path) => `#/${path}`,
  action: (path) => `/embed/pages/${path}`,
  // A browser does not add a bearer token to a forged request.
  hiddenFields: () => ({}),
  send(response, { status, title, nav, body, notice }) {
    const attributes = { 'data-title': title, 'data-notice': notice };
    const given = Object.entries(attributes).flatMap(([name, value]) => (value ? [`${name}="${escapeHtml(value)}"`] : []));
    response
      .status(status)
      .set('cache-control', 'no-store')
      .type('html')
      .send(`<div data-fragment ${given.join(' ')}><div data-nav>${nav}</div><div data-page>${body}</div></div>`);
  },
  redirectTo(response, location, notice) {
    response.set('cache-control', 'no-store').json({ location, notice });
  },
};
