import * as z from 'zod';
import type { ConnectionTarget } from '../../../connections/connection.ts';
import { isAppError } from '../../../core/errors.ts';
import { toWorkflowUrl } from '../../../messages/outbound/create-contact-link.ts';
import { defineAction } from '../framework/page.ts';
import { toTarget } from './connection-pages.ts';
import { type ChannelPageDeps, findUsableConnection, getUsableConnection, requireInstalled } from './providers.ts';

/** Creates the action that makes a link for one contact: given by its id, its phone number or its email address. */
export function createContactLinkAction(deps: Pick<ChannelPageDeps, 'connections' | 'messaging'>) {
  return defineAction({
    permission: 'write',
    body: z.object({ contact: z.string().trim().min(3).max(320) }),
    async run({ body, text, ...input }) {
      requireInstalled(input.location);
      const { resourceId: locationId } = input.location;
      const connection = await getUsableConnection(deps, toTarget(input));
      try {
        const contactId = await findContactId(deps, locationId, body.contact);
        if (contactId === null) return { errors: { contact: text('channels.contactLink.unknown') } };
        return { viewData: { contactLink: await deps.messaging.createContactLink(connection, contactId) } };
      } catch (error) {
        if (!isAppError(error, 'highlevel_limit', 'highlevel_refused', 'vendor_unavailable')) throw error;
        return { errors: { contact: error.message } };
      }
    },
  });
}

/** Returns what the page shows about links. @returns null for a channel that needs none */
export async function findContactLinkView(
  deps: Pick<ChannelPageDeps, 'connections'>,
  target: ConnectionTarget,
): Promise<{ workflowUrl: string } | null> {
  const connection = await findUsableConnection(deps, target);
  return connection?.channel.buildContactLink ? { workflowUrl: toWorkflowUrl(connection) } : null;
}

async function findContactId(
  { messaging }: Pick<ChannelPageDeps, 'messaging'>,
  locationId: string,
  given: string,
): Promise<string | null> {
  const { address, kind } = await messaging.readAddress(locationId, given);
  if (kind === 'email') return messaging.searchContact(locationId, { email: address });
  if (kind === 'phone') return messaging.searchContact(locationId, { phone: address });
  return (await messaging.lookUpContact(locationId, address)) && address;
}
