import { getVia } from '../carriers/via.ts';
import type { Simulator } from '../highlevel/simulator.ts';
import { listContacts } from '../highlevel/state.ts';
import type { AppConnection, SandboxPhone } from '../phone.ts';
import { pictureNames } from '../pictures.ts';
import type { AppClient } from './app-client.ts';
import { findProvider, listProviders, toProviderName } from './providers.ts';
import { loadWorkflow } from './workflow.ts';

/** Loads the data of the sandbox page; the page's script draws it. */
export async function loadView(
  deps: { simulator: Simulator; phone: SandboxPhone; app: AppClient; appUrl: string },
  selected: { locationId?: string | undefined; contactId?: string | undefined; providerKey?: string | undefined },
) {
  const { simulator, phone, app } = deps;
  const installed = Object.values(simulator.state.locations).filter(({ isInstalled }) => isInstalled);
  const location = installed.find(({ id }) => id === selected.locationId) ?? installed[0];
  if (!location) return { installUrl: deps.appUrl, locations: [], location: null } as const;

  const contacts = listContacts(simulator.state, location.id);
  const contact = contacts.find(({ id }) => id === selected.contactId) ?? contacts[0];
  const provider = findProvider(simulator, selected.providerKey);
  const isEmail = provider?.kind.startsWith('email') === true;
  const number = (isEmail ? contact?.email?.toLowerCase() : contact?.phone) ?? '';
  const connection = provider ? await app.findConnection(location.id, provider.key) : null;
  return {
    installUrl: deps.appUrl,
    locations: installed.map(({ id, name }) => ({ id, name })),
    location: { id: location.id, name: location.name },
    providers: listProviders(simulator).map(({ key, kind }) => ({ id: key, name: toProviderName(key, kind) })),
    provider: provider && { key: provider.key, isEmail },
    isConnected: connection !== null,
    vendor: connection && toVendor(phone, connection),
    contacts: contacts.map(({ id, name, phone: phoneNumber }) => ({ id, name: name ?? phoneNumber ?? 'Unknown' })),
    contact: contact
      ? {
          id: contact.id,
          name: contact.name ?? number,
          number,
          hasDnd: simulator.findDndRefusal(contact.id, provider?.key) !== null,
        }
      : null,
    thread: (contact ? simulator.listConversation(contact.id) : []).map((message) => ({
      id: message.id,
      direction: message.direction,
      text: message.text,
      attachments: message.attachments.map((url) => toAttachment(url, deps.appUrl)),
      at: new Date(message.createdAt).toISOString(),
      status: message.status,
      error: message.error?.message ?? null,
    })),
    workflow: loadWorkflow(simulator, location.id),
    phone: {
      mode: phone.state.mode,
      isOpen: phone.state.isOpen,
      pictures: pictureNames,
      unread: phone.listTexts(number).filter(({ isMine, isRead }) => !isMine && !isRead).length,
      texts: phone.listTexts(number).map(({ id, isMine, text, attachments, at, mail, app: shownIn = 'SMS' }) => ({
        id,
        subject: mail?.subject ?? null,
        canBounce: mail !== undefined && !mail.hasBounced && !isMine,
        hasBounced: mail?.hasBounced === true,
        isMine,
        text,
        attachments: attachments.map((url) => toAttachment(url, deps.appUrl)),
        at: new Date(at).toISOString(),
        app: shownIn,
      })),
    },
  };
}

/** Describes the simulated vendor of a connection; null for one without an account that could be refused. */
function toVendor(phone: SandboxPhone, connection: AppConnection) {
  const { carrier, name } = getVia(connection);
  const found = phone.findCarrier(carrier);
  const isAccountRefused = found?.isAccountRefused?.();
  return isAccountRefused === undefined ? null : { name, isAccountRefused, isPaired: found?.isPaired ?? false };
}

/** Describes a file: a picture is shown where the page may load it, from the sandbox or the app. */
function toAttachment(url: string, appUrl: string) {
  const isLoadable = url.startsWith('/') || url.startsWith(`${appUrl}/`);
  return { url, isPicture: isLoadable && (url.startsWith('/desk/media/') || /\.(png|jpe?g|gif|webp)$/i.test(url)) };
}
