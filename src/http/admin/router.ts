import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { prepareErrorResponse } from '../middleware/errors.ts';
import { renderProblem } from '../pages/framework/render.ts';
import { createLiveRouter, createPageRouter, maxFormBytes, type PageRouterDeps } from '../pages/framework/router.ts';
import { createPages, type PageDeps } from '../pages/registry.ts';
import { requireCsrfToken } from './csrf.ts';
import { type AdminPageDeps, createAdminPages } from './pages/registry.ts';
import { requireOperator } from './session.ts';
import { createAdminShell } from './shell.ts';
import { createSignInRouter, createSignOut, type SignInDeps } from './sign-in.ts';

export interface AdminRouterDeps extends SignInDeps, PageRouterDeps, PageDeps, AdminPageDeps {}

/**
 * Creates the router of the operator's pages: those inside the CRM, over all tenants, and some of its own. The session alone identifies
 * the operator; a bearer token gives no access here, and the session gives no access elsewhere.
 */
export function createAdminRouter(deps: AdminRouterDeps): Router {
  const adminPages = createAdminPages(deps);
  // The operator's own pages replace shared pages of the same path.
  const shared = createPages(deps).filter(
    ({ path, scope }) => !adminPages.some((page) => page.path === path && page.scope === scope),
  );
  const pages = [...adminPages, ...shared];
  const shell = createAdminShell({ version: deps.version, https: deps.appUrl.startsWith('https:') });
  const router = Router({ caseSensitive: true });
  router.use(setAdminHeaders);
  router.use('/sign-in', express.urlencoded({ extended: false, limit: '64kb' }));
  router.use(createSignInRouter(deps));
  // Strangers cannot make the program read a large form.
  router.use(requireOperator(deps), express.urlencoded({ extended: false, limit: maxFormBytes }));
  router.use(requireCsrfToken, dropEmptyFields);
  router.post('/sign-out', createSignOut(deps));
  router.use('/live', createLiveRouter(deps, pages, shell));
  router.use(createPageRouter(deps, pages, shell));
  const handleProblem: ErrorRequestHandler = async (thrown, request, response, next) => {
    if (response.headersSent || !response.locals.access || request.path.startsWith('/live')) return next(thrown);
    shell.send(
      response,
      await renderProblem(pages, shell, prepareErrorResponse(deps.log, thrown, request, response), response),
    );
  };
  router.use(handleProblem);
  return router;
}

/** Sets `same-origin`: with `no-referrer` a browser also withholds the origin of our own forms. */
const setAdminHeaders: RequestHandler = (_request, response, next) => {
  response.set({ 'referrer-policy': 'same-origin', 'cache-control': 'no-store' });
  next();
};

/** Redirects to the address without empty fields, which browsers submit too. */
const dropEmptyFields: RequestHandler = (request, response, next) => {
  const [path, query] = request.originalUrl.split('?');
  const fields = [...new URLSearchParams(query)];
  const given = fields.filter(([, value]) => value !== '');
  if (request.method !== 'GET' || given.length === fields.length) return next();
  response.redirect(303, given.length > 0 ? `${path}?${new URLSearchParams(given)}` : (path as string));
};
