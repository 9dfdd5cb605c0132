import type { AxiosInstance } from 'axios';
import express, { Router } from 'express';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import * as z from 'zod';
import { type Clock, dateNow } from '../core/clock.ts';
import type { RandomSource } from '../core/ids.ts';

/** State of a contact's phone. Plain data that survives a restart. */
export interface PhoneState {
  texts: PhoneText[];
  mode: PhoneMode;
  isOpen: boolean;
}

/** `flight`: the phone is unreachable. `blocked`: its owner has opted out. */
export type PhoneMode = 'on' | 'flight' | 'blocked';

export interface PhoneText {
  id: string;
  /** The phone's own number. */
  number: string;
  isMine: boolean;
  text: string;
  attachments: string[];
  at: number;
  isRead: boolean;
  callbackUrl: string;
}

const sendSchema = z.object({
  id: z.string(),
  to: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable(),
  attachments: z.array(z.string()),
  locationId: z.string(),
  /** Sent by the sandbox channel only; a gateway's has to be looked up. */
  callbackUrl: z.url().optional(),
});

const deliveryDelayMs = 700;

export type SandboxPhone = ReturnType<typeof createPhone>;

/**
 * Creates the phone of sandbox mode: the vendor behind the `sandbox` channel, and a gateway that a newcomer can connect as any other. Both
 * use the gateway protocol.
 */
export function createPhone(options: {
  clock: Clock;
  random: RandomSource;
  http: AxiosInstance;
  /** Shared with the channel. */
  secret: string;
  /** Finds the URL at which the app receives the gateway's webhooks, which its operator would have configured. */
  findCallbackUrl?: (locationId: string) => Promise<string | null>;
  state?: PhoneState | undefined;
  onChange: () => void;
}) {
  const { clock, random, http, onChange: changed } = options;
  const state: PhoneState = options.state ?? { texts: [], mode: 'on', isOpen: false };
  const signing = new Webhook(options.secret);

  async function post(url: string, content: Record<string, unknown>): Promise<number> {
    const body = JSON.stringify(content);
    const at = dateNow(clock);
    const id = random(12).toString('hex');
    const response = await http.post(url, body, {
      headers: {
        'content-type': 'application/json',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
        'webhook-signature': signing.sign(id, at, body),
      },
      validateStatus: () => true,
    });
    return response.status;
  }

  /** Posts a webhook, and retries while the app does not accept it, as any carrier does. */
  function postWithRetry(url: string, content: Record<string, unknown>, waitMs = 1_000): void {
    post(url, content)
      .catch(() => 503)
      .then((status) => {
        if (status < 500) return;
        clock.setTimeout(() => postWithRetry(url, content, Math.min(waitMs * 2, 60_000)), waitMs);
      });
  }

  function markRead(text: PhoneText): void {
    if (text.isMine || text.isRead) return;
    text.isRead = true;
    postWithRetry(`${text.callbackUrl}/status`, { id: text.id, status: 'read', at: dateNow(clock).toISOString() });
  }

  function deliver(text: PhoneText): void {
    postWithRetry(`${text.callbackUrl}/status`, { id: text.id, status: 'delivered', at: dateNow(clock).toISOString() });
    if (state.isOpen) clock.setTimeout(() => markRead(text), deliveryDelayMs);
    changed();
  }

  return {
    state,
    /** Receives the messages of the sandbox channel. */
    router: createReceiver({ state, signing, clock, deliver, onChange: changed }, '/messages', async () => null),
    /** Receives the messages of a connected gateway. */
    gateway: createReceiver(
      { state, signing, clock, deliver, onChange: changed },
      '/',
      options.findCallbackUrl ?? (async () => null),
    ),
    listTexts: (number: string) => state.texts.filter((text) => text.number === number),

    setMode(mode: PhoneMode) {
      state.mode = mode;
      changed();
    },
    /** Opens the phone, so that its messages are read, or closes it. */
    setOpen(isOpen: boolean) {
      state.isOpen = isOpen;
      if (isOpen) for (const text of state.texts) markRead(text);
      changed();
    },
    /** Sends a reply from the phone. */
    sendReply(number: string, text: string, callbackUrl: string) {
      const id = `phone-${random(10).toString('hex')}`;
      const at = clock.now();
      state.texts.push({ id, number, isMine: true, text, attachments: [], at, isRead: true, callbackUrl });
      postWithRetry(`${callbackUrl}/inbound`, { externalId: id, from: number, text, at: new Date(at).toISOString() });
      changed();
    },
  };
}

function createReceiver(
  phone: {
    state: PhoneState;
    signing: Webhook;
    clock: Clock;
    deliver: (text: PhoneText) => void;
    onChange: () => void;
  },
  path: string,
  findCallbackUrl: (locationId: string) => Promise<string | null>,
): Router {
  const { state, signing, clock } = phone;
  const router = Router();
  router.post(path, express.raw({ type: () => true, limit: '1mb' }), async (request, response) => {
    try {
      signing.verify(request.body, request.headers as Record<string, string>, { jsonParse: false });
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      return void response.status(401).json({ error: { code: 'signature', message: 'Wrong signature.' } });
    }
    const payload = sendSchema.parse(JSON.parse(request.body.toString('utf8')));
    if (state.mode === 'flight') {
      return void response.status(503).json({ error: { code: 'unreachable', message: 'The phone is in flight mode.' } });
    }
    if (state.mode === 'blocked') {
      return void response.status(400).json({ error: { code: '21610', message: 'The contact has opted out of messages.' } });
    }
    const callbackUrl = payload.callbackUrl ?? (await findCallbackUrl(payload.locationId));
    if (!callbackUrl) {
      return void response.status(409).json({ error: { code: 'unknown', message: 'This gateway is not connected there.' } });
    }
    if (!state.texts.some(({ id }) => id === payload.id)) {
      const text: PhoneText = {
        id: payload.id,
        number: payload.to,
        isMine: false,
        text: payload.text ?? payload.html?.replace(/<[^<>]*>/g, '') ?? '',
        attachments: payload.attachments,
        at: clock.now(),
        isRead: false,
        callbackUrl,
      };
      state.texts.push(text);
      clock.setTimeout(() => phone.deliver(text), deliveryDelayMs);
      phone.onChange();
    }
    response.json({ externalId: `phone-${payload.id}`, status: 'accepted' });
  });
  return router;
}
