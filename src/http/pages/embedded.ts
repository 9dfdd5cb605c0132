import { type RequestHandler, Router } from 'express';
import { type AuthenticateDeps, authenticate } from '../middleware/authenticate.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import { escapeHtml } from './framework/render.ts';
import { createLiveRouter, createPageRouter, type PageRouterDeps } from './framework/router.ts';
import type { PageShell } from './framework/shell.ts';
import { createPages, type PageDeps } from './registry.ts';

export interface EmbeddedRouterDeps extends AuthenticateDeps, PageRouterDeps, PageDeps {}

/** Of one address: whole agencies sit behind one. */
const requestLimit = { points: 1_200, duration: 60 };

/** The pages inside the CRM, as fragments for the shell at `/embed`: who asks is known from the token alone. */
export function createEmbeddedRouter(deps: EmbeddedRouterDeps): Router {
  const pages = createPages(deps);
  const authenticated: RequestHandler[] = [limitRequests(requestLimit), authenticate(deps)];
  const router = Router({ caseSensitive: true });
  router.use('/embed/live', ...authenticated, createLiveRouter(deps, pages, shell));
  router.use('/embed/pages', ...authenticated, createPageRouter(deps, pages, shell));
  return router;
}

/** Links are hashes of the shell's address; what is sent is put into it by its script. */
const shell: PageShell = {
  href: (path) => `#/${path}`,
  action: (path) => `/embed/pages/${path}`,
  // A bearer token is nothing that a browser adds to a forged request.
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
