import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { prepareErrorResponse } from '../middleware/errors.ts';
import { renderProblem } from '../pages/framework/render.ts';
import { createLiveRouter, createPageRouter, type PageRouterDeps } from '../pages/framework/router.ts';
import { createPages, type PageDeps } from '../pages/registry.ts';
import { requireCsrfToken } from './csrf.ts';
import { type AdminPageDeps, createAdminPages } from './pages/registry.ts';
import { requireOperator } from './session.ts';
import { createAdminShell } from './shell.ts';
import { createSignInRouter, type SignInDeps } from './sign-in.ts';

export interface AdminRouterDeps extends SignInDeps, PageRouterDeps, PageDeps, AdminPageDeps {}

/**
 * The operator's pages: the same pages as inside the CRM, over all that there is, and some that only the operator has. Who asks is known
 * from the session alone; a bearer token opens nothing here, nor the session anything elsewhere.
 */
export function createAdminRouter(deps: AdminRouterDeps): Router {
  const adminPages = createAdminPages(deps);
  // What the operator has of its own stands in the place of what others see under the same address.
  const shared = createPages(deps).filter(
    ({ path, scope }) => !adminPages.some((page) => page.path === path && page.scope === scope),
  );
  const pages = [...adminPages, ...shared];
  const shell = createAdminShell({ version: deps.version, https: deps.appUrl.startsWith('https:') });
  const router = Router({ caseSensitive: true });
  router.use(setAdminHeaders, express.urlencoded({ extended: false, limit: '64kb' }), createSignInRouter(deps));
  router.use(requireOperator(deps), requireCsrfToken, dropEmptyFields);
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

/** With `no-referrer` a browser hides from us too where a form comes from. */
const setAdminHeaders: RequestHandler = (_request, response, next) => {
  response.set({ 'referrer-policy': 'same-origin', 'cache-control': 'no-store' });
  next();
};

/** A browser sends the empty fields of a filter too; the address of a page names only those that say something. */
const dropEmptyFields: RequestHandler = (request, response, next) => {
  const [path, query] = request.originalUrl.split('?');
  const fields = [...new URLSearchParams(query)];
  const given = fields.filter(([, value]) => value !== '');
  if (request.method !== 'GET' || given.length === fields.length) return next();
  response.redirect(303, given.length > 0 ? `${path}?${new URLSearchParams(given)}` : (path as string));
};
