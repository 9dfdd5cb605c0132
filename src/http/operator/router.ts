import express, { type ErrorRequestHandler, type RequestHandler, Router } from 'express';
import { prepareErrorResponse } from '../middleware/errors.ts';
import { type OperatorOnlyDeps, operatorOnlyPages } from '../pages/operator/registry.ts';
import { allPages, type PageDeps } from '../pages/registry.ts';
import { renderProblem } from '../pages/render.ts';
import { liveRouter, type PageRouterDeps, pageRouter } from '../pages/router.ts';
import { refuseForgery } from './forgery.ts';
import { operatorFrame } from './frame.ts';
import { operatorOnly } from './session.ts';
import { type SignInDeps, signIn } from './sign-in.ts';

export interface OperatorPagesDeps extends SignInDeps, PageRouterDeps, PageDeps, OperatorOnlyDeps {}

/**
 * The operator's pages: the same pages as inside the CRM, over all that there is, and some that only the operator has. Who asks is known
 * from the session alone; a bearer token opens nothing here, nor the session anything elsewhere.
 */
export function operatorPages(deps: OperatorPagesDeps): Router {
  const own = operatorOnlyPages(deps);
  // What the operator has of its own stands in the place of what others see under the same address.
  const shared = allPages(deps).filter(({ path, about }) => !own.some((page) => page.path === path && page.about === about));
  const pages = [...own, ...shared];
  const frame = operatorFrame({ version: deps.version, https: deps.appUrl.startsWith('https:') });
  const router = Router({ caseSensitive: true });
  router.use(ownHeaders, express.urlencoded({ extended: false, limit: '64kb' }), signIn(deps));
  router.use(operatorOnly(deps), refuseForgery, withoutEmptyFields);
  router.use('/live', liveRouter(deps, pages, frame));
  router.use(pageRouter(deps, pages, frame));
  const problem: ErrorRequestHandler = async (thrown, request, response, next) => {
    if (response.headersSent || !response.locals.access || request.path.startsWith('/live')) return next(thrown);
    frame.send(
      response,
      await renderProblem(pages, frame, prepareErrorResponse(deps.log, thrown, request, response), response),
    );
  };
  router.use(problem);
  return router;
}

/** With `no-referrer` a browser hides from us too where a form comes from. */
const ownHeaders: RequestHandler = (_request, response, next) => {
  response.set({ 'referrer-policy': 'same-origin', 'cache-control': 'no-store' });
  next();
};

/** A browser sends the empty fields of a filter too; the address of a page names only those that say something. */
const withoutEmptyFields: RequestHandler = (request, response, next) => {
  const [path, query] = request.originalUrl.split('?');
  const fields = [...new URLSearchParams(query)];
  const given = fields.filter(([, value]) => value !== '');
  if (request.method !== 'GET' || given.length === fields.length) return next();
  response.redirect(303, given.length > 0 ? `${path}?${new URLSearchParams(given)}` : (path as string));
};
