import type { Axios } from 'axios';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { signWahaEvent, toWahaAck, toWahaEvent, toWahaMessage, toWahaSessionStatus } from './waha/events.ts';
import { createWahaRouter } from './waha/router.ts';
import { createWahaState, listWahaWebhooks, type WahaVendorState } from './waha/state.ts';
import { createAccountActions, type WebFault, type WebRequest } from './whatsapp-web/account.ts';
import { createEventSender } from './whatsapp-web/post-events.ts';
import type { WebMessage } from './whatsapp-web/state.ts';

export type { WahaVendorState } from './waha/state.ts';
export type { WebFault, WebReceived, WebRequest } from './whatsapp-web/account.ts';

export interface WahaVendorOptions {
  clock: Clock;
  random: RandomSource;
  http: Axios;
  /** Base address under which the router is mounted. */
  getUrl: () => string;
  state?: Partial<WahaVendorState> | undefined;
  onChange?: () => void;
  /** Called with each message that the simulator accepts. */
  onMessage?: (message: WebMessage) => void;
  onRequest?: (request: WebRequest) => void;
}

export type WahaVendor = ReturnType<typeof createWahaVendor>;

/** Creates a simulated WAHA server with one session: its API, its webhooks, its pairing, and the phones of its contacts. */
export function createWahaVendor(options: WahaVendorOptions) {
  const { clock, random, getUrl, onChange = () => {}, onMessage = () => {}, onRequest = () => {} } = options;
  const state = createWahaState(random, options.state);
  const sender = createEventSender(options);
  let fault: WebFault | null = null;

  /** The address names the server as it knows itself, which is not the one by which others reach it. */
  function toFileUrl({ key, file, direction }: WebMessage): string | null {
    if (!file || direction === 'outbound') return null;
    return `http://localhost:3000${new URL(getUrl()).pathname.replace(/\/$/, '')}/api/files/${state.session}/${key}.bin`;
  }

  function post(event: string, payload: object): void {
    const body = toWahaEvent(state, random, clock.now(), event, payload);
    for (const { url, events, hmac } of listWahaWebhooks(state)) {
      if (events.includes(event) || events.includes('*')) {
        sender.schedule(url, body, hmac ? signWahaEvent(hmac.key, body) : {});
      }
    }
  }

  const account = createAccountActions({
    ...{ clock, random, state, onChange },
    events: {
      message(message, person) {
        post('message.any', toWahaMessage(state, message, person, toFileUrl(message)));
        if (message.direction === 'outbound' && !message.isFromPhone) onMessage(message);
      },
      status: (message, person) => post('message.ack', toWahaAck(state, message, person)),
      link: () => post('session.status', toWahaSessionStatus(state, clock.now())),
    },
  });
  const { accept: _, setStatus, ...actions } = account;

  return {
    state,
    router: createWahaRouter({
      ...{ state, account, toFileUrl, onRequest, onChange },
      now: () => clock.now(),
      getFault: () => fault,
    }),
    ...actions,
    toFileUrl,
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
