import { Router } from 'express';
import * as z from 'zod';
import type { Connections } from '../compose/connections.ts';
import type { Messaging } from '../compose/messaging.ts';
import { AppError } from '../core/errors.ts';
import { contactLinkPath } from '../messages/outbound/create-contact-link.ts';

export interface ContactLinkPageDeps {
  connections: Pick<Connections, 'getConnection'>;
  messaging: Pick<Messaging, 'resolveWorkflowLink'>;
}

/**
 * Creates the address that a workflow writes to many contacts: it leads to the vendor's address of one contact. A contact's id is no secret,
 * so the address stores no row and proves no identity; programs that open links in advance use none up.
 */
export function createContactLinkRouter({ connections, messaging }: ContactLinkPageDeps): Router {
  const router = Router({ caseSensitive: true });

  router.get(`/channels/:connectionId/${contactLinkPath}`, async (request, response) => {
    const { connectionId } = request.params;
    if (!z.uuid().safeParse(connectionId).success) throw new AppError('not_found', 'This connection does not exist.');
    const { contact } = request.query;
    const connection = await connections.getConnection(String(connectionId));
    const url = await messaging.resolveWorkflowLink(connection, typeof contact === 'string' ? contact.trim() : '');
    response.set({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer', 'x-robots-tag': 'noindex' });
    response.redirect(302, url);
  });

  return router;
}
