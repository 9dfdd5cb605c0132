import type { Clock } from '../../../core/clock.ts';
import type { RandomSource } from '../../../core/ids.ts';
import {
  createMessageKey,
  getWebPerson,
  type WebAccountState,
  type WebFile,
  type WebLink,
  type WebMessage,
  type WebPerson,
  type WebStatus,
} from './state.ts';

/** Failure of the next requests to send, until another is set. */
export type WebFault =
  | { kind: 'error'; status: number; body: object; headers?: Record<string, string> }
  | { kind: 'hang' }
  /** The message is accepted, and the connection breaks before the response. */
  | { kind: 'cut_after_accepting' }
  /** The key of every request is refused. */
  | { kind: 'wrong_key' }
  /** Messages are accepted and stay pending, while the server reports that it works. */
  | { kind: 'silent' };

/** Request that a simulator has received, for a check against the vendor's description. */
export interface WebRequest {
  method: string;
  /** Without the parts that name a session or an instance. */
  operation: string;
  body: Record<string, unknown>;
}

/** Events that a server posts. */
export interface WebEvents {
  message(message: WebMessage, person: WebPerson): void;
  status(message: WebMessage, person: WebPerson): void;
  link(link: WebLink): void;
}

/** Message that a contact writes, or the account's own phone. */
export interface WebReceived {
  /** Number of the contact, in any spelling. */
  from: string;
  name?: string;
  text?: string;
  file?: WebFile;
  replyTo?: string;
  key?: string;
  isNumberHidden?: boolean;
  /** The account's own phone has written it to the contact. */
  isFromPhone?: boolean;
}

export type WebAccount = ReturnType<typeof createAccountActions>;

/** Creates what happens to a simulated account, whichever server it is linked to. */
export function createAccountActions(deps: {
  clock: Clock;
  random: RandomSource;
  state: WebAccountState;
  events: WebEvents;
  onChange: () => void;
}) {
  const { clock, random, state, events, onChange } = deps;

  function find(key: string): WebMessage {
    const message = state.messages.find((one) => one.key === key);
    if (message) return message;
    throw new Error(`The simulated WhatsApp has no message ${key}.`);
  }

  function setStatus(key: string, status: WebStatus): void {
    const message = find(key);
    message.status = status;
    events.status(message, getWebPerson(state, message.waId));
    onChange();
  }

  function setLink(link: WebLink): void {
    state.link = link;
    state.qrStartedAt = link === 'scan' ? clock.now() : null;
    events.link(link);
    onChange();
  }

  function add(message: Omit<WebMessage, 'at'>): WebMessage {
    const added = { ...message, at: clock.now() };
    state.messages.push(added);
    onChange();
    return added;
  }

  return {
    /** Accepts a message of the server's API. It stays pending where the chat is spelt in a way that WhatsApp does not know. */
    accept(sent: Pick<WebMessage, 'kind' | 'text' | 'file' | 'replyTo'>, chat: string, isSilent: boolean): WebMessage {
      const person = getWebPerson(state, chat);
      const digits = chat.split('@')[0];
      const isKnown = digits === person.waId || digits === person.lid;
      const isSent = isKnown && !isSilent;
      const message = add({
        ...sent,
        ...{ key: createMessageKey(random), direction: 'outbound', isFromPhone: false, waId: person.waId },
        status: isSent ? 'server' : 'pending',
      });
      events.message(message, person);
      if (isSent) events.status(message, person);
      return message;
    },
    setStatus,
    /** Posts a message of a contact, or of the account's own phone. @returns its key */
    receive({ from, name, text = '', file, replyTo, key, isNumberHidden, isFromPhone = false }: WebReceived): string {
      const person = getWebPerson(state, from);
      if (name !== undefined) person.name = name;
      if (isNumberHidden !== undefined) person.isNumberHidden = isNumberHidden;
      const message = add({
        ...{ key: key ?? createMessageKey(random), direction: isFromPhone ? 'outbound' : 'inbound', isFromPhone },
        ...{ waId: person.waId, kind: file ? findKind(file) : 'text', text, file: file ?? null, replyTo: replyTo ?? null },
        status: 'server',
      });
      events.message(message, person);
      return message.key;
    },
    /** Starts the session, which then shows QR codes. */
    showQrCode: () => setLink('scan'),
    /** Scans the QR code with the phone. */
    scan: () => setLink('linked'),
    /** Removes the linked device on the phone. */
    logOut: () => setLink('scan'),
    setLink,
    listMessages: (waId?: string) => state.messages.filter((message) => waId === undefined || message.waId === waId),
  };
}

function findKind({ contentType }: WebFile): string {
  const [type = ''] = contentType.split('/');
  return ['image', 'video', 'audio'].includes(type) ? type : 'document';
}
