import { type RequestHandler, Router } from 'express';
import { type AuthenticateDeps, authenticate } from '../middleware/authenticate.ts';
import { limitRequests } from '../middleware/rate-limit.ts';
import type { PageFrame } from './page-frame.ts';
import { allPages, type PageDeps } from './registry.ts';
import { escaped } from './render.ts';
import { liveRouter, type PageRouterDeps, pageRouter } from './router.ts';

export interface EmbeddedDeps extends AuthenticateDeps, PageRouterDeps, PageDeps {}

/** Of one address: whole agencies sit behind one. */
const requests = { points: 1_200, duration: 60 };

/** The pages inside the CRM, as fragments for the shell at `/embed`: who asks is known from the token alone. */
export function embeddedPages(deps: EmbeddedDeps): Router {
  const pages = allPages(deps);
  const known: RequestHandler[] = [limitRequests(requests), authenticate(deps)];
  const router = Router({ caseSensitive: true });
  router.use('/embed/live', ...known, liveRouter(deps, pages, frame));
  router.use('/embed/pages', ...known, pageRouter(deps, pages, frame));
  return router;
}

/** Links are hashes of the shell's address; what is sent is put into it by its script. */
const frame: PageFrame = {
  href: (path) => `#/${path}`,
  action: (path) => `/embed/pages/${path}`,
  // A bearer token is nothing that a browser adds to a forged request.
  hiddenFields: () => ({}),
  send(response, { status, title, nav, body, notice }) {
    const attributes = { 'data-title': title, 'data-notice': notice };
    const given = Object.entries(attributes).flatMap(([name, value]) => (value ? [`${name}="${escaped(value)}"`] : []));
    response
      .status(status)
      .set('cache-control', 'no-store')
      .type('html')
      .send(`<div data-fragment ${given.join(' ')}><div data-nav>${nav}</div><div data-page>${body}</div></div>`);
  },
  goTo(response, location, notice) {
    response.set('cache-control', 'no-store').json({ location, notice });
  },
};
