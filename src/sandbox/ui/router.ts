import express, { type RequestHandler, type Response, Router } from 'express';
import * as z from 'zod';
import { type ActionDeps, actionSchema, performAction } from './actions.ts';
import { loadView } from './view.ts';

const id = z.string().min(1).max(64);

export interface UiDeps extends ActionDeps {
  appUrl: string;
  /** Finds a file that the app has uploaded to a vendor. */
  findMedia(id: string): { contentType: string; base64: string } | undefined;
}

/** Creates the page on which a developer is both: the user in HighLevel and the contact with a phone. */
export function createUi(deps: UiDeps): { router: Router; notifyChange: () => void; close: () => void } {
  const router = Router();
  const watchers = new Set<Response>();

  router.get('/', (_request, response) => response.redirect('/desk'));
  router.get('/desk', (_request, response) => response.render('sandbox/conversation'));
  router.get('/desk/state', async (request, response) => {
    const {
      location: locationId,
      contact: contactId,
      provider: providerKey,
    } = z.object({ location: id.optional(), contact: id.optional(), provider: id.optional() }).catch({}).parse(request.query);
    response.set('cache-control', 'no-store').json(await loadView(deps, { locationId, contactId, providerKey }));
  });
  router.get('/desk/events', (request, response) => {
    response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
    response.write('data: changed\n\n');
    watchers.add(response);
    request.on('close', () => watchers.delete(response));
  });
  router.get('/desk/media/:id', (request, response) => {
    const media = deps.findMedia(request.params.id);
    // Other types could run as a page of this origin.
    if (!media || !/^(image|video|audio)\/[a-z0-9]+$/.test(media.contentType)) return void response.status(404).end();
    response.type(media.contentType).end(Buffer.from(media.base64, 'base64'));
  });
  router.post('/desk/actions', requireSameOrigin, express.json(), async (request, response) => {
    const action = actionSchema.safeParse(request.body);
    if (!action.success) return void response.status(422).json({ problem: 'This is not possible.' });
    const problem = await performAction(deps, action.data);
    response.status(problem ? 409 : 200).json({ problem });
  });

  return {
    router,
    notifyChange: () => {
      for (const watcher of watchers) watcher.write('data: changed\n\n');
    },
    close: () => {
      for (const watcher of watchers) watcher.end();
    },
  };
}

/** Refuses posts of other sites' pages in the same browser, which names the origin of a request. */
const requireSameOrigin: RequestHandler = (request, response, next) => {
  const site = request.get('sec-fetch-site');
  if ((site && site !== 'same-origin') || !request.is('application/json')) {
    return void response.status(403).json({ problem: 'Only the sandbox page may do this.' });
  }
  next();
};
