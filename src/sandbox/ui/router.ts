import express, { type RequestHandler, type Response, Router } from 'express';
import * as z from 'zod';
import type { Simulator } from '../highlevel/simulator.ts';
import type { SandboxPhone } from '../phone.ts';
import type { AppClient } from './app-client.ts';
import { loadView } from './view.ts';

const text = z.string().trim().min(1).max(2_000);
const id = z.string().min(1).max(64);
const actions = z.discriminatedUnion('do', [
  z.object({ do: z.literal('send'), locationId: id, contactId: id, text }),
  z.object({ do: z.literal('connect'), locationId: id }),
  z.object({ do: z.literal('reply'), locationId: id, contactId: id, text }),
  z.object({ do: z.literal('open_phone'), isOpen: z.boolean() }),
  z.object({ do: z.literal('set_phone_mode'), mode: z.enum(['on', 'flight', 'blocked']) }),
]);

export interface UiDeps {
  simulator: Simulator;
  phone: SandboxPhone;
  app: AppClient;
  appUrl: string;
}

/** Creates the page on which a developer is both: the user in HighLevel and the contact with a phone. */
export function createUi(deps: UiDeps): { router: Router; notifyChange: () => void; close: () => void } {
  const router = Router();
  const watchers = new Set<Response>();

  router.get('/', (_request, response) => response.redirect('/desk'));
  router.get('/desk', (_request, response) => response.render('sandbox/conversation'));
  router.get('/desk/state', async (request, response) => {
    const { location: locationId, contact: contactId } = z
      .object({ location: id.optional(), contact: id.optional() })
      .catch({})
      .parse(request.query);
    response.set('cache-control', 'no-store').json(await loadView(deps, { locationId, contactId }));
  });
  router.get('/desk/events', (request, response) => {
    response.set({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' }).flushHeaders();
    response.write('data: changed\n\n');
    watchers.add(response);
    request.on('close', () => watchers.delete(response));
  });
  router.post('/desk/actions', requireSameOrigin, express.json(), async (request, response) => {
    const action = actions.safeParse(request.body);
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

async function performAction({ simulator, phone, app }: UiDeps, action: z.infer<typeof actions>): Promise<string | null> {
  const providerKey = simulator.world.app.providers[0]?.key ?? '';
  const contact = 'contactId' in action ? simulator.state.contacts[action.contactId] : undefined;
  switch (action.do) {
    case 'send': {
      if (!contact) return 'There is no such contact.';
      const refusal = simulator.findDndRefusal(contact.id);
      if (refusal) return refusal;
      const { httpStatus } = await simulator.sendMessage(action.locationId, { contactId: contact.id, text: action.text });
      return httpStatus >= 200 && httpStatus < 300 ? null : 'The app did not accept the message. Is it running?';
    }
    case 'connect':
      if (!(await app.connectPhone(action.locationId, providerKey))) return 'The app could not connect the phone.';
      simulator.world.onChange();
      return null;
    case 'reply': {
      const callbackUrl = await app.findCallbackUrl(action.locationId, providerKey);
      if (!contact?.phone || !callbackUrl) return 'Connect the phone first.';
      phone.sendReply(contact.phone, action.text, callbackUrl);
      return null;
    }
    case 'open_phone':
      phone.setOpen(action.isOpen);
      return null;
    case 'set_phone_mode':
      phone.setMode(action.mode);
      return null;
  }
}
