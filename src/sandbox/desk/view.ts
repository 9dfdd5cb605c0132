import type { Simulator } from '../highlevel/simulator.ts';
import { contactsOf } from '../highlevel/state.ts';
import type { SandboxPhone } from '../phone.ts';
import type { AppClient } from './app-client.ts';

/** What the desk's page shows, as data: the page's script draws it. */
export async function deskView(
  parts: { simulator: Simulator; phone: SandboxPhone; app: AppClient; appUrl: string },
  chosen: { locationId?: string | undefined; contactId?: string | undefined },
) {
  const { simulator, phone, app } = parts;
  const installed = Object.values(simulator.state.locations).filter(({ isInstalled }) => isInstalled);
  const location = installed.find(({ id }) => id === chosen.locationId) ?? installed[0];
  if (!location) return { installUrl: parts.appUrl, locations: [], location: null } as const;

  const contacts = contactsOf(simulator.state, location.id);
  const contact = contacts.find(({ id }) => id === chosen.contactId) ?? contacts[0];
  const providerKey = simulator.world.app.providers[0]?.key ?? '';
  const number = contact?.phone ?? '';
  return {
    installUrl: parts.appUrl,
    locations: installed.map(({ id, name }) => ({ id, name })),
    location: { id: location.id, name: location.name },
    isConnected: (await app.callbackUrl(location.id, providerKey)) !== null,
    contacts: contacts.map(({ id, name, phone: itsNumber }) => ({ id, name: name ?? itsNumber ?? 'Unknown' })),
    contact: contact ? { id: contact.id, name: contact.name ?? number, number } : null,
    thread: (contact ? simulator.conversationOf(contact.id) : []).map((message) => ({
      id: message.id,
      direction: message.direction,
      text: message.text,
      attachments: message.attachments,
      at: new Date(message.createdAt).toISOString(),
      status: message.status,
      error: message.error?.message ?? null,
    })),
    phone: {
      mode: phone.state.mode,
      isOpen: phone.state.isOpen,
      unread: phone.textsOf(number).filter(({ isMine, isRead }) => !isMine && !isRead).length,
      texts: phone.textsOf(number).map(({ id, isMine, text, attachments, at }) => ({
        id,
        isMine,
        text,
        attachments,
        at: new Date(at).toISOString(),
      })),
    },
  };
}
