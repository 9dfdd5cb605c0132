import express, { type ErrorRequestHandler, type RequestHandler, type Response, Router } from 'express';
import { AppError, isAppError } from '../../../core/errors.ts';
import { isStorable } from '../../../core/sanitize.ts';
import type { Database } from '../../../database/client.ts';
import type { Log } from '../../../runtime/log.ts';
import { type Access, isStillValid, requirePermission } from '../../auth/access.ts';
import { sendDownload } from '../../download.ts';
import { handleNotFound, prepareErrorResponse } from '../../middleware/errors.ts';
import { type PageRequest, resolvePageRequest, toViewer } from './input.ts';
import type { LiveStreams, StreamHolder } from './live.ts';
import type { ActionResult, FormState, Page, Viewer } from './page.ts';
import { findFirstPage, renderPage, renderProblem } from './render.ts';
import type { PageShell } from './shell.ts';
import { getZodErrorMap } from './texts.ts';

export interface PageRouterDeps {
  db: Database;
  log: Log;
  live: LiveStreams;
}

/** Holds the largest list that a person pastes or picks; larger ones take the API. */
export const maxFormBytes = 1024 * 1024;

const noResult: ActionResult = {};
const viewers: readonly Viewer[] = ['location', 'agency', 'operator'];

/**
 * Routes the pages by path, for the caller in `response.locals.access`. Forms post to their page's own path, with the action's name in `do`.
 * Errors are rendered in the same shell.
 */
export function createPageRouter(deps: PageRouterDeps, pages: readonly Page[], shell: PageShell): RequestHandler {
  const respond = (pageRequest: PageRequest, response: Response) => showPage(deps, pages, shell, pageRequest, response);
  const routers = createViewerRouters(pages, (router, viewer, page, path) => {
    const handleRequest: RequestHandler = async (request, response) => {
      await respond(await resolvePageRequest(deps.db, { page, path, viewer, shell, request, response }), response);
    };
    router.get(path, handleRequest).post(path, express.urlencoded({ extended: false, limit: maxFormBytes }), handleRequest);
    const { download } = page;
    if (!download) return;
    router.get(`${path}/download`, async (request, response) => {
      const { input } = await resolvePageRequest(deps.db, { page, path, viewer, shell, request, response });
      requirePermission(input.access, page.permission);
      await sendDownload(response, download(input));
    });
  });
  for (const viewer of viewers) {
    const start = findFirstPage(pages, viewer);
    if (start) routers[viewer].get('/', (_request, response) => shell.redirectTo(response, shell.href(start.path), undefined));
  }
  return Router({ caseSensitive: true }).use(
    routeByViewer(routers),
    handleNotFound,
    createProblemHandler(deps.log, pages, shell),
  );
}

/** Routes the pages' change notifications by the same paths, as server-sent events: see `live.ts`. */
export function createLiveRouter(deps: PageRouterDeps, pages: readonly Page[], shell: PageShell): RequestHandler {
  const routers = createViewerRouters(pages, (router, viewer, page, path) => {
    const { version } = page;
    if (!version) return;
    // Express handles HEAD as GET, which would keep a stream without a body open.
    router.head(path, (_request, response) => {
      response.set('allow', 'GET');
      throw new AppError('method_not_allowed', 'A stream of events supports only GET.');
    });
    router.get(path, async (request, response) => {
      const { input } = await resolvePageRequest(deps.db, { page, path, viewer, shell, request, response });
      const { access } = input;
      const holder = response.locals.streamHolder ?? toStreamHolder(deps.db, access);
      deps.live.open(response, {
        // The tenant belongs to the subject: two tenants never share a version.
        subject: JSON.stringify([holder.tenant, page.path, request.path, input.query]),
        version: () => version(input),
        ...holder,
      });
    });
  });
  return routeByViewer(routers);
}

function toStreamHolder(db: Database, access: Access): StreamHolder {
  if (access === 'operator') {
    return { holder: access, tenant: access, endsAtMs: undefined, isAllowed: async () => true };
  }
  const tenant = `${access.companyId}/${access.locationId}`;
  // Not the token: a user can get any number of tokens.
  return {
    holder: `${tenant}/${access.sub}`,
    tenant,
    endsAtMs: access.exp * 1000,
    isAllowed: () => isStillValid(db, access),
  };
}

function createViewerRouters(pages: readonly Page[], add: (router: Router, viewer: Viewer, page: Page, path: string) => void) {
  const routers = {
    location: Router({ caseSensitive: true }),
    agency: Router({ caseSensitive: true }),
    operator: Router({ caseSensitive: true }),
  };
  for (const page of pages) {
    for (const viewer of page.viewers) {
      const isPrefixed = page.scope === 'location' && viewer !== 'location';
      const path = [isPrefixed ? 'locations/:locationId' : '', page.path].filter(Boolean).join('/');
      add(routers[viewer], viewer, page, `/${path}`);
    }
  }
  return routers;
}

function routeByViewer(routers: Record<Viewer, Router>): RequestHandler {
  return (request, response, next) => {
    const { access } = response.locals;
    return access ? routers[toViewer(access)](request, response, next) : next();
  };
}

async function showPage(
  deps: PageRouterDeps,
  pages: readonly Page[],
  shell: PageShell,
  pageRequest: PageRequest,
  response: Response,
): Promise<void> {
  const { page, input, request } = pageRequest;
  requirePermission(input.access, page.permission);
  if (request.method !== 'POST') {
    return shell.send(response, await renderPage(pages, shell, pageRequest, response, { status: 200 }));
  }
  const { form, problem, done } = await runAction(pageRequest);
  if (problem && problem.status >= 500) deps.log.warn({ err: problem, requestId: request.id }, 'an action of a page failed');
  if (done.redirectTo) return shell.redirectTo(response, done.redirectTo, done.notice);
  if (done.location) input.location = done.location;
  const status = problem?.status ?? (form && Object.keys(form.errors).length > 0 ? 422 : 200);
  shell.send(response, await renderPage(pages, shell, pageRequest, response, { status, form, problem, done }));
}

async function runAction({
  page,
  input,
  request,
}: PageRequest): Promise<{ form?: FormState; problem?: AppError; done: ActionResult }> {
  const values = (request.body ?? {}) as Record<string, unknown>;
  if (!isStorable(values)) throw new AppError('request_invalid', 'The form contains a character that can’t be stored.');
  const name = String(values.do ?? '');
  const action = Object.hasOwn(page.actions, name) ? page.actions[name] : undefined;
  if (!action) throw new AppError('request_invalid', 'This page has no such form.');
  requirePermission(input.access, action.permission);
  const read = action.body.safeParse(values, { error: getZodErrorMap(input.text.language) });
  if (!read.success) {
    const errors = Object.fromEntries(read.error.issues.map(({ path, message }) => [path.join('.'), message]).reverse());
    return { form: { do: name, values, errors } satisfies FormState, done: noResult };
  }
  try {
    const done = await action.run({ ...input, body: read.data });
    const shown = { ...values, ...done.values };
    return done.errors ? { form: { do: name, values: shown, errors: done.errors } satisfies FormState, done } : { done };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { form: { do: name, values, errors: {} } satisfies FormState, problem: error, done: noResult };
  }
}

function createProblemHandler(log: Log, pages: readonly Page[], shell: PageShell): ErrorRequestHandler {
  return async (thrown: unknown, request, response, next) => {
    if (response.headersSent) return next(thrown);
    const error = prepareErrorResponse(log, thrown, request, response);
    shell.send(response, await renderProblem(pages, shell, error, response));
  };
}
