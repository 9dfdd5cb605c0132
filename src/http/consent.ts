import { Router } from 'express';
import * as z from 'zod';
import type { Connections } from '../compose/connections.ts';
import { consentPath } from '../connections/consent-links.ts';
import type { Database } from '../database/client.ts';
import { findInstallation } from '../installations/store.ts';
import { type BrowserIdDeps, createBrowserId } from './browser-id.ts';

export interface ConsentPageDeps extends BrowserIdDeps {
  db: Database;
  connections: Pick<Connections, 'startConsent' | 'completeConsent'>;
}

const maxChars = 8_000;

const parameter = z.string().min(1).max(maxChars).optional().catch(undefined);

const callbackQuery = z.object({ state: parameter, code: parameter, error: parameter, error_description: parameter });

/**
 * Creates the pages on which the owner of an account signs in at a service. They open in a window of their own, where browsers keep our
 * cookies; the page in the CRM's frame has none, so the address of the first one carries a signed ticket.
 */
export function createConsentRouter(deps: ConsentPageDeps): Router {
  const { db, connections } = deps;
  const router = Router({ caseSensitive: true });
  const browserId = createBrowserId(deps);

  // This page names who asks for what: its address may have come from another person.
  router.get(`${consentPath}/start/:ticket`, async (request, response) => {
    const id = browserId.keep(request, response);
    const { connection, service, account, authorizeUrl } = await connections.startConsent(String(request.params.ticket), id);
    const location = await findInstallation(db.client, { kind: 'location', resourceId: connection.locationId });
    response.set('cache-control', 'no-store').render('consent/start', {
      service,
      account,
      authorizeUrl,
      location: location?.name ?? connection.locationId,
    });
  });

  // Express would run the GET: a scanner that looks at the address must not use up its state.
  router.head(`${consentPath}/callback`, (_request, response) => void response.set('cache-control', 'no-store').end());

  router.get(`${consentPath}/callback`, async (request, response) => {
    const { state, code, error, error_description: errorDescription } = callbackQuery.parse(request.query);
    const given = { state, code, error, errorDescription };
    const { service, account } = await connections.completeConsent(browserId.read(request), given);
    response.set('cache-control', 'no-store').render('consent/done', { service, account });
  });

  return router;
}
