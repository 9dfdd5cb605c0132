import { createHmac } from 'node:crypto';
import type { Axios } from 'axios';
import type { Response, Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { type ApiCall, createApi, renderMessage, respondError } from './android-sms-gateway/api.ts';
import { type Accepted, checkSend } from './android-sms-gateway/rules.ts';
import {
  type AndroidState,
  createDemoState,
  createNanoId,
  type SimDevice,
  type SimMessage,
  type SimMessageState,
} from './android-sms-gateway/state.ts';

/** A fault of the next sends, until another is set. `cut` has accepted the message. */
export type AndroidFault =
  | { kind: 'error'; status: number; message: string; retryAfterSeconds?: number }
  | { kind: 'hang' | 'drop' | 'cut' };

export interface InboundText {
  from: string;
  text?: string;
  /** Id of the webhook's event, chosen by a test or made. */
  id?: string;
  media?: readonly { data: Buffer; contentType: string; name?: string }[];
  /** Further fields of the payload, or other values for known ones. */
  fields?: Record<string, unknown>;
}

/** A webhook as the phone posts it. */
export interface SignedWebhook {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export type SimulatedAndroid = ReturnType<typeof createAndroidSmsGateway>;

const allEvents = [
  ...['sms:received', 'sms:data-received', 'sms:sent', 'sms:delivered', 'sms:failed', 'sms:cancelled'],
  ...['mms:received', 'mms:downloaded', 'app:started', 'system:ping'],
];
const maxAttempts = 15;

/**
 * Creates a simulated SMS gateway with its phones: it accepts requests as the gateway's server does, keeps messages for a phone that is
 * offline, and posts the phone's signed webhooks until they are taken. A message stays `Sent` until its recipient, or a test, delivers it.
 */
export function createAndroidSmsGateway(options: {
  clock: Clock;
  random: RandomSource;
  /** For webhooks. */
  http: Axios;
  state?: AndroidState | undefined;
  onChange?: () => void;
  /** Called for each message that a phone has sent. */
  onMessage?: (message: SimMessage) => void;
  /** Chooses the fault of one send, before that of `setFault`. */
  pickFault?: (body: Record<string, unknown>) => AndroidFault | null;
  /** Called for each request, accepted or not. */
  onCall?: (call: ApiCall) => void;
  /** Called for each webhook before it is posted. */
  onWebhook?: (webhook: SignedWebhook) => void;
  /** Events that this version knows. */
  events?: readonly string[];
}) {
  const { clock, random, http, onChange: notifyChange = () => undefined } = options;
  const state: AndroidState = options.state ?? createDemoState(random, clock.now());
  let fixedFault: AndroidFault | null = null;
  let turn = 0;

  function signBody(url: string, body: string): SignedWebhook {
    const timestamp = String(Math.floor(clock.now() / 1000));
    const signature = createHmac('sha256', state.account.signingKey)
      .update(body + timestamp)
      .digest('hex');
    return { url, body, headers: { 'content-type': 'application/json', 'x-signature': signature, 'x-timestamp': timestamp } };
  }

  function toBody(event: string, deviceId: string, payload: Record<string, unknown>, webhookId: string, id?: string): string {
    return JSON.stringify({ deviceId, event, id: id ?? createNanoId(random), webhookId, payload });
  }

  /** Posts a webhook until it is taken: each attempt is signed anew. */
  async function post(url: string, body: string, attempt = 1): Promise<void> {
    const webhook = signBody(url, body);
    if (attempt === 1) options.onWebhook?.(webhook);
    const isTaken = await http
      .post(url, body, { headers: webhook.headers, responseType: 'text', validateStatus: () => true })
      .then(({ status }) => status >= 200 && status < 300)
      .catch(() => false);
    if (!isTaken && attempt < maxAttempts) clock.setTimeout(() => void post(url, body, attempt + 1), attempt * 1_000);
  }

  async function emit(event: string, device: SimDevice, payload: Record<string, unknown>, id?: string): Promise<void> {
    const due = state.webhooks.filter(
      (webhook) => webhook.event === event && (webhook.deviceId === null || webhook.deviceId === device.id),
    );
    await Promise.all(due.map((webhook) => post(webhook.url, toBody(event, device.id, payload, webhook.id, id))));
  }

  const getDevice = (id: string) => state.devices.find((device) => device.id === id) as SimDevice;

  function setState(message: SimMessage, next: SimMessageState, error: string | null = null): void {
    Object.assign(message, { state: next, error });
    message.times[next] ??= clock.now();
    notifyChange();
    const payload = toReceiptPayload(message);
    if (payload) void emit(`sms:${next.toLowerCase()}`, getDevice(message.deviceId), payload);
  }

  /** Lets a phone fetch the messages that wait for it, and send them. */
  function fetchMessages(device: SimDevice): void {
    if (!device.isOnline) return;
    device.lastSeenAt = clock.now();
    for (const message of state.messages.filter((one) => one.deviceId === device.id && one.state === 'Pending')) {
      setState(message, 'Processed');
      setState(message, 'Sent');
      options.onMessage?.(message);
    }
  }

  function accept({ id, device, to, text, simNumber }: Accepted): SimMessage {
    const message: SimMessage = {
      ...{ id: id ?? createNanoId(random), deviceId: device.id, to, text, simNumber },
      ...{ state: 'Pending', times: { Pending: clock.now() }, error: null },
    };
    state.messages.push(message);
    notifyChange();
    clock.setTimeout(() => fetchMessages(device), 0);
    return message;
  }

  function send(body: Record<string, unknown>, response: Response): void {
    const fault = options.pickFault?.(body) ?? fixedFault;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') return void response.socket?.destroy();
    if (fault?.kind === 'error') {
      if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds));
      return void respondError(response, fault.status, fault.message);
    }
    // A real gateway draws one; in turn, a test can show the second.
    const checked = checkSend(state, body, (devices) => devices[turn++ % devices.length]);
    if ('status' in checked) return void respondError(response, checked.status, checked.message);
    const message = accept(checked);
    if (fault?.kind === 'cut') return void response.socket?.destroy();
    response.status(202).json(renderMessage(message));
  }

  /** Builds the event of an inbound message. */
  function toInbound(device: SimDevice, { from, text = '', media = [], fields }: InboundText) {
    const [sim] = device.simCards;
    const parties = { sender: from, recipient: sim?.phoneNumber ?? null, phoneNumber: from, simNumber: sim?.simNumber ?? null };
    const receivedAt = new Date(clock.now()).toISOString();
    const base = { messageId: random(4).toString('hex'), ...parties, receivedAt };
    if (media.length === 0) return { event: 'sms:received', payload: { ...base, message: text, ...fields } };
    const attachments = media.map(({ data, contentType, name }, index) => ({
      ...{ partId: index + 1, contentType, name: name ?? `part-${index + 1}`, size: data.length },
      data: data.toString('base64'),
    }));
    return { event: 'mms:downloaded', payload: { ...base, body: text || null, subject: null, attachments, ...fields } };
  }

  const router: Router = createApi({
    ...{ state, clock, send, onChange: notifyChange, newId: () => createNanoId(random) },
    events: new Set(options.events ?? allEvents),
    onCall: options.onCall ?? (() => undefined),
  });

  return {
    state,
    router,
    setFault(next: AndroidFault | null) {
      fixedFault = next;
    },
    deliver(id: string) {
      const message = state.messages.find((one) => one.id === id && one.state === 'Sent');
      if (message) setState(message, 'Delivered');
    },
    fail(id: string, reason: string) {
      const message = state.messages.find((one) => one.id === id && one.state !== 'Delivered');
      if (message) setState(message, 'Failed', reason);
    },
    /** Switches a phone off or on: on, it fetches what waits for it. */
    setOnline(id: string, isOnline: boolean) {
      const device = getDevice(id);
      if (device.isOnline) device.lastSeenAt = clock.now();
      device.isOnline = isOnline;
      notifyChange();
      if (!isOnline) return;
      void emit('app:started', device, { simCards: device.simCards });
      fetchMessages(device);
    },
    /** Receives an SMS on a phone, the first by default, and posts it to the registered webhooks. */
    async receive(inbound: InboundText, device = state.devices[0] as SimDevice): Promise<void> {
      const { event, payload } = toInbound(device, inbound);
      await emit(event, device, payload, inbound.id);
    },
    /** Signs the webhook of an inbound message without posting it. */
    signInbound(url: string, inbound: InboundText, device = state.devices[0] as SimDevice) {
      const { event, payload } = toInbound(device, inbound);
      return signBody(url, toBody(event, device.id, payload, 'w1', inbound.id));
    },
    /** Signs the webhook of a message's state without posting it. */
    signReceipt: (url: string, message: SimMessage) =>
      signBody(url, toBody(`sms:${message.state.toLowerCase()}`, message.deviceId, toReceiptPayload(message) ?? {}, 'w1')),
    /** Signs any webhook without posting it. */
    sign: (url: string, event: string, payload: Record<string, unknown>, deviceId = state.devices[0]?.id ?? '') =>
      signBody(url, toBody(event, deviceId, payload, 'w1')),
    signBody,
  };
}

/** Builds the payload of a receipt; null for a state that has no webhook. */
function toReceiptPayload({ id, to, simNumber, state, times, error }: SimMessage): Record<string, unknown> | null {
  const at = new Date(times[state] ?? 0).toISOString();
  const base = { messageId: id, sender: null, recipient: to, phoneNumber: to, simNumber };
  switch (state) {
    case 'Sent':
      return { ...base, partsCount: 1, sentAt: at };
    case 'Delivered':
      return { ...base, deliveredAt: at };
    case 'Failed':
      return { ...base, failedAt: at, reason: error ?? 'Unknown' };
    case 'Cancelled':
      return { ...base, cancelledAt: at };
    default:
      return null;
  }
}
