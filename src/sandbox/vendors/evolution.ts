import type { Axios } from 'axios';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import {
  toEvolutionConnection,
  toEvolutionEdit,
  toEvolutionEvent,
  toEvolutionMessage,
  toEvolutionUpdate,
} from './evolution/events.ts';
import { createEvolutionRouter } from './evolution/router.ts';
import { createEvolutionState, type EvolutionVendorState } from './evolution/state.ts';
import { createAccountActions, type WebFault, type WebRequest } from './whatsapp-web/account.ts';
import { createEventSender } from './whatsapp-web/post-events.ts';
import { getWebPerson, type WebMessage } from './whatsapp-web/state.ts';

export type { EvolutionVendorState } from './evolution/state.ts';
export type { WebFault, WebReceived, WebRequest } from './whatsapp-web/account.ts';

export interface EvolutionVendorOptions {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  state?: Partial<EvolutionVendorState> | undefined;
  onChange?: () => void;
  /** Called with each message that the simulator accepts. */
  onMessage?: (message: WebMessage) => void;
  onRequest?: (request: WebRequest) => void;
}

export type EvolutionVendor = ReturnType<typeof createEvolutionVendor>;

/** Causes of a disconnect. */
const [loggedOut, connectionLost] = [401, 428];

/** Creates a simulated Evolution API server with one instance: its API, its webhook, its pairing, and the phones of its contacts. */
export function createEvolutionVendor(options: EvolutionVendorOptions) {
  const { clock, random, onChange = () => {}, onMessage = () => {}, onRequest = () => {} } = options;
  const state = createEvolutionState(random, options.state);
  const sender = createEventSender(options);
  let fault: WebFault | null = null;

  function post(event: string, data: object): void {
    const { webhook } = state;
    const name = event.toUpperCase().replaceAll('.', '_');
    // An empty list means all events.
    if (!webhook?.enabled || (webhook.events.length > 0 && !webhook.events.includes(name))) return;
    const url = webhook.webhookByEvents ? `${webhook.url}/${event.replaceAll('.', '-')}` : webhook.url;
    sender.schedule(url, toEvolutionEvent(state, clock.now(), event, data), webhook.headers ?? {});
  }

  const account = createAccountActions({
    ...{ clock, random, state, onChange },
    events: {
      message(message, person) {
        const isSent = message.direction === 'outbound' && !message.isFromPhone;
        post(isSent ? 'send.message' : 'messages.upsert', toEvolutionMessage(message, person));
        if (isSent) onMessage(message);
      },
      status: (message, person) => post('messages.update', toEvolutionUpdate(message, person)),
      link: (link) => post('connection.update', toEvolutionConnection(state, link === 'stopped' ? loggedOut : connectionLost)),
    },
  });
  const { accept: _, setStatus, ...actions } = account;

  return {
    state,
    router: createEvolutionRouter({
      ...{ state, account, onRequest, onChange },
      now: () => clock.now(),
      getFault: () => fault,
    }),
    ...actions,
    /** Changes the text of a message, as its author does. */
    edit(key: string, text: string): void {
      const message = state.messages.find((one) => one.key === key);
      if (!message) throw new Error(`The simulated WhatsApp has no message ${key}.`);
      message.text = text;
      post('messages.edited', toEvolutionEdit(state, message, getWebPerson(state, message.waId), clock.now()));
      onChange();
    },
    /** Removes the linked device on the phone. */
    logOut: () => account.setLink('stopped'),
    setFault(next: WebFault | null): void {
      fault = next;
    },
    deliver: (key: string) => setStatus(key, 'delivered'),
    markRead: (key: string) => setStatus(key, 'read'),
    fail: (key: string) => setStatus(key, 'failed'),
    /** Ends the webhooks. */
    close: sender.stop,
  };
}
