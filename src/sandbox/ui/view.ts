import type { Simulator } from '../highlevel/simulator.ts';
import { listContacts } from '../highlevel/state.ts';
import type { SandboxPhone } from '../phone.ts';
import type { AppClient } from './app-client.ts';

/** Loads the data of the sandbox page; the page's script draws it. */
export async function loadView(
  deps: { simulator: Simulator; phone: SandboxPhone; app: AppClient; appUrl: string },
  selected: { locationId?: string | undefined; contactId?: string | undefined },
) {
  const { simulator, phone, app } = deps;
  const installed = Object.values(simulator.state.locations).filter(({ isInstalled }) => isInstalled);
  const location = installed.find(({ id }) => id === selected.locationId) ?? installed[0];
  if (!location) return { installUrl: deps.appUrl, locations: [], location: null } as const;

  const contacts = listContacts(simulator.state, location.id);
  const contact = contacts.find(({ id }) => id === selected.contactId) ?? contacts[0];
  const providerKey = simulator.world.app.providers[0]?.key ?? '';
  const number = contact?.phone ?? '';
  return {
    installUrl: deps.appUrl,
    locations: installed.map(({ id, name }) => ({ id, name })),
    location: { id: location.id, name: location.name },
    isConnected: (await app.findCallbackUrl(location.id, providerKey)) !== null,
    contacts: contacts.map(({ id, name, phone: phoneNumber }) => ({ id, name: name ?? phoneNumber ?? 'Unknown' })),
    contact: contact ? { id: contact.id, name: contact.name ?? number, number } : null,
    thread: (contact ? simulator.listConversation(contact.id) : []).map((message) => ({
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
      unread: phone.listTexts(number).filter(({ isMine, isRead }) => !isMine && !isRead).length,
      texts: phone.listTexts(number).map(({ id, isMine, text, attachments, at }) => ({
        id,
        isMine,
        text,
        attachments,
        at: new Date(at).toISOString(),
      })),
    },
  };
}
