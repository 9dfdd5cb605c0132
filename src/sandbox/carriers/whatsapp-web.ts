import type { Clock } from '../../core/clock.ts';
import type { CarrierKey, SandboxPhone } from '../phone.ts';
import type { WebReceived } from '../vendors/whatsapp-web/account.ts';
import { getWebPerson, type WebAccountState, type WebFile, type WebMessage } from '../vendors/whatsapp-web/state.ts';
import { toMediaPath } from './whatsapp-cloud.ts';

/** A simulated server that is linked to a phone's WhatsApp. */
interface WebServer {
  readonly state: WebAccountState;
  deliver(key: string): void;
  markRead(key: string): void;
  fail(key: string): void;
  receive(received: WebReceived): string;
  logOut(): void;
  scan(): void;
}

/** Connects the phone with a simulated WhatsApp-Web server. Its account is refused by logging the session out, and accepted by a new pairing. */
export function addWebServer<Server extends WebServer>(
  phone: SandboxPhone,
  key: Extract<CarrierKey, 'waha' | 'evolution'>,
  deps: {
    clock: Clock;
    /** Address of the simulator's router. */
    getUrl: () => string;
    /** Numbers of the phones. */
    listNumbers: () => readonly string[];
    createServer: (hooks: { onMessage: (message: WebMessage) => void }) => Server;
    hasWebhook: (server: Server) => boolean;
    name: string;
  },
): Server {
  const server = deps.createServer({
    onMessage({ key: id, waId, text, file, status }) {
      // A pending message has not left the server.
      if (status === 'pending') return;
      const attachments = file ? [toMediaPath(id)] : [];
      phone.receive({ id, number: toNumber(waId), text, attachments, carrier: key, app: 'WhatsApp' });
    },
  });

  function toNumber(waId: string): string {
    return deps.listNumbers().find((number) => getWebPerson(server.state, number).waId === waId) ?? `+${waId}`;
  }

  phone.addCarrier(key, {
    deliver: ({ id }) => server.deliver(id),
    markRead: ({ id }) => server.markRead(id),
    fail: ({ id }) => server.fail(id),
    sendReply({ number: from, name, text, picture }, { config }) {
      if (config.baseUrl !== deps.getUrl()) return `This location uses another ${deps.name} server than the simulated one.`;
      if (server.state.link !== 'linked') return 'The session is logged out. Pair the phone first.';
      if (!deps.hasWebhook(server)) return `${deps.name} has no webhook address yet. See the channel on the app’s page.`;
      const file = picture && {
        contentType: picture.contentType,
        base64: picture.read().toString('base64'),
        name: picture.name,
      };
      server.receive({ from, name, text, ...(file ? { file } : {}) });
      return null;
    },
    setAccountRefused: (isRefused) => (isRefused ? server.logOut() : server.scan()),
    isAccountRefused: () => server.state.link !== 'linked',
  });
  return server;
}

/** Finds the file of a message that the sandbox page shows. */
export function findWebFile({ messages }: WebAccountState, id: string): WebFile | undefined {
  return messages.find(({ key }) => key === id)?.file ?? undefined;
}
