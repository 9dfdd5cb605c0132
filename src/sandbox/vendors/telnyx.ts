import { sign } from 'node:crypto';
import type { Axios } from 'axios';
import type { Response, Router } from 'express';
import type { Clock } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import { type ApiCall, createApi, respondError } from './telnyx/api.ts';
import { renderMessage } from './telnyx/render.ts';
import { type Accepted, checkSend } from './telnyx/rules.ts';
import { createDemoState, createUuid, type SimError, type SimMessage, type TelnyxState, toSigningKey } from './telnyx/state.ts';

/** A fault of the next sends, until another is set. `cut` and `hang_after_accepting` have accepted the message. */
export type TelnyxFault =
  | { kind: 'error'; status: number; errors: SimError[]; retryAfterSeconds?: number }
  | { kind: 'hang' | 'hang_after_accepting' | 'drop' | 'cut' }
  /** A response of success whose message has failed. */
  | { kind: 'failed_at_once'; errors: SimError[]; status?: string };

export interface InboundText {
  from: string;
  to: string;
  text?: string;
  /** Chosen by a test, or made. */
  id?: string;
  media?: readonly { data: Buffer; contentType: string }[];
  /** Further fields of the payload, or other values for known ones. */
  fields?: Record<string, unknown>;
}

/** A webhook as Telnyx posts it. */
export interface SignedWebhook {
  url: string;
  headers: Record<string, string>;
  body: string;
}

export type SimulatedTelnyx = ReturnType<typeof createTelnyx>;

const stopWords = ['STOP', 'STOPALL', 'STOP ALL', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT'];
const startWords = ['START', 'UNSTOP'];
const finalStatuses = ['delivered', 'delivery_unconfirmed', 'delivery_failed', 'sending_failed', 'expired'];
const maxAttempts = 3;

/**
 * Creates a simulated Telnyx: it accepts requests by the rules of its documentation, posts signed webhooks up to three times, keeps opt-outs
 * by messaging profile and breaks on request. A message stays `sent` until its phone, or a test, delivers it.
 */
export function createTelnyx(options: {
  clock: Clock;
  random: RandomSource;
  /** For webhooks. */
  http: Axios;
  /** Address of its router. */
  url: () => string;
  state?: TelnyxState | undefined;
  onChange?: () => void;
  /** Returns whether a contact has opted out, besides those of the profiles' own lists. */
  isOptedOut?: (contact: string) => boolean;
  /** Called for each accepted message. */
  onMessage?: (message: SimMessage) => void;
  /** Chooses the fault of one send, before that of `setFault`. */
  pickFault?: (body: Record<string, unknown>) => TelnyxFault | null;
  /** Called for each request, accepted or not. */
  onCall?: (call: ApiCall) => void;
  /** Called for each webhook before it is posted. */
  onWebhook?: (webhook: SignedWebhook) => void;
}) {
  const { clock, random, http, onChange: notifyChange = () => undefined } = options;
  const state: TelnyxState = options.state ?? createDemoState(random);
  let fixedFault: TelnyxFault | null = null;

  function signWebhook(url: string, value: unknown, atMs = clock.now()): SignedWebhook {
    const body = typeof value === 'string' ? value : JSON.stringify(value);
    const timestamp = String(Math.floor(atMs / 1000));
    const signature = sign(null, Buffer.from(`${timestamp}|${body}`), toSigningKey(state.account.seed)).toString('base64');
    const headers = { 'telnyx-signature-ed25519': signature, 'telnyx-timestamp': timestamp };
    return { url, headers: { ...headers, 'content-type': 'application/json' }, body };
  }

  function toEvent(type: string, payload: Record<string, unknown>, url: string): Record<string, unknown> {
    const occurredAt = new Date(clock.now()).toISOString();
    const data = { record_type: 'event', event_type: type, id: createUuid(random), occurred_at: occurredAt, payload };
    return { data, meta: { attempt: 1, delivered_to: url } };
  }

  async function post(webhook: SignedWebhook, attempt = 1): Promise<void> {
    if (attempt === 1) options.onWebhook?.(webhook);
    const { url, body, headers } = webhook;
    const isAccepted = await http
      .post(url, body, { headers, responseType: 'text', validateStatus: () => true })
      .then(({ status }) => status >= 200 && status < 300)
      .catch(() => false);
    if (!isAccepted && attempt < maxAttempts) clock.setTimeout(() => void post(webhook, attempt + 1), 1_000);
  }

  const findProfileUrl = (profileId: string) => state.profiles.find(({ id }) => id === profileId)?.webhookUrl ?? null;

  function report(message: SimMessage): void {
    const type = message.status === 'sent' ? 'message.sent' : 'message.finalized';
    const url = message.webhookUrl ?? findProfileUrl(message.profileId);
    if (url !== null) void post(signWebhook(url, toEvent(type, renderMessage(message), url)));
  }

  function setStatus(message: SimMessage, status: string, errors: SimError[] = []): void {
    Object.assign(message, { status, errors, completedAt: finalStatuses.includes(status) ? clock.now() : null });
    notifyChange();
    report(message);
  }

  function accept(accepted: Accepted): SimMessage {
    const { from, to, text, mediaUrls, profileId, webhookUrl } = accepted;
    const message: SimMessage = {
      ...{ id: createUuid(random), direction: 'outbound', from, to, text, mediaUrls, profileId, webhookUrl },
      ...{
        type: mediaUrls.length > 0 ? 'MMS' : 'SMS',
        status: 'queued',
        errors: [],
        createdAt: clock.now(),
        completedAt: null,
      },
    };
    state.messages.push(message);
    notifyChange();
    clock.setTimeout(() => {
      if (message.status === 'queued') setStatus(message, 'sent');
    }, 0);
    options.onMessage?.(message);
    return message;
  }

  function send(body: Record<string, unknown>, response: Response): void {
    const fault = options.pickFault?.(body) ?? fixedFault;
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'drop') return void response.socket?.destroy();
    if (fault?.kind === 'error') {
      if (fault.retryAfterSeconds !== undefined) response.set('retry-after', String(fault.retryAfterSeconds));
      return void respondError(response, fault.status, fault.errors);
    }
    const checked = checkSend(state, body);
    if ('code' in checked) {
      const { status, ...error } = checked;
      return void respondError(response, status, [error]);
    }
    if (options.isOptedOut?.(checked.to)) {
      return void respondError(response, 400, [{ code: '40300', title: 'Blocked due to STOP message' }]);
    }
    const message = accept(checked);
    if (fault?.kind === 'failed_at_once')
      Object.assign(message, { status: fault.status ?? 'sending_failed', errors: fault.errors });
    if (fault?.kind === 'hang_after_accepting') return;
    if (fault?.kind === 'cut') return void response.socket?.destroy();
    response.json({ data: renderMessage(message) });
  }

  /** Finds a message and moves it on, if it is not at its end yet. */
  function move(id: string, status: string, errors: SimError[] = []): void {
    const message = state.messages.find((one) => one.id === id);
    if (message && !finalStatuses.includes(message.status)) setStatus(message, status, errors);
  }

  /** Records an inbound message with its files and its opt-out. @returns its webhook's event */
  function recordInbound(inbound: InboundText, url: string): Record<string, unknown> {
    const { from, to, text = '', media = [] } = inbound;
    const profileId = state.numbers.find(({ phoneNumber }) => phoneNumber === to)?.profileId ?? '';
    const files = media.map(({ data, contentType }) => ({
      id: createUuid(random),
      contentType,
      data: data.toString('base64'),
    }));
    state.media.push(...files);
    const message: SimMessage = {
      ...{ id: inbound.id ?? createUuid(random), direction: 'inbound', from, to, text, profileId, status: 'webhook_delivered' },
      ...{
        mediaUrls: files.map(({ id }) => `${options.url()}/media/${id}`),
        type: files.length > 0 ? 'MMS' : 'SMS',
        errors: [],
      },
      ...{ webhookUrl: null, createdAt: clock.now(), completedAt: null },
    };
    state.messages.push(message);
    const autoresponse = recordOptOut(state, profileId, inbound);
    notifyChange();
    const payload = { ...renderMessage(message), autoresponse_type: autoresponse, is_spam: false, ...inbound.fields };
    return toEvent('message.received', payload, url);
  }

  const router: Router = createApi({
    ...{ state, send, onChange: notifyChange },
    onCall: options.onCall ?? (() => undefined),
  });

  return {
    state,
    router,
    setFault(next: TelnyxFault | null) {
      fixedFault = next;
    },
    deliver: (id: string) => move(id, 'delivered'),
    /** The carrier confirms no delivery. */
    endUnconfirmed: (id: string) => move(id, 'delivery_unconfirmed'),
    fail: (id: string, error: SimError, status = 'delivery_failed') => move(id, status, [error]),
    /** Receives a message from a contact and posts it to the address of the number's messaging profile. */
    async receive(inbound: InboundText): Promise<void> {
      const profileId = state.numbers.find(({ phoneNumber }) => phoneNumber === inbound.to)?.profileId;
      const url = profileId ? findProfileUrl(profileId) : null;
      const event = recordInbound(inbound, url ?? '');
      if (url !== null) await post(signWebhook(url, event));
    },
    /** Signs the webhook of an inbound message without posting it. */
    signInbound: (url: string, inbound: InboundText) => signWebhook(url, recordInbound(inbound, url)),
    /** Signs the webhook of a message's state without posting it. */
    signReceipt(url: string, message: SimMessage) {
      const type = message.status === 'sent' ? 'message.sent' : 'message.finalized';
      return signWebhook(url, toEvent(type, renderMessage(message), url));
    },
    /** Signs any webhook without posting it. */
    sign: signWebhook,
  };
}

/** Records the opt-out or opt-in of a contact. @returns its kind in Telnyx's words */
function recordOptOut(
  state: TelnyxState,
  profileId: string,
  { from, text = '' }: InboundText,
): 'STOP' | 'START' | 'HELP' | null {
  const word = text.trim().toUpperCase();
  if (stopWords.includes(word)) {
    state.optOuts.push({ profileId, contact: from });
    return 'STOP';
  }
  if (startWords.includes(word)) {
    state.optOuts = state.optOuts.filter((one) => one.contact !== from || one.profileId !== profileId);
    return 'START';
  }
  return word === 'HELP' ? 'HELP' : null;
}
