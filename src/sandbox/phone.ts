import type { AxiosInstance } from 'axios';
import express, { Router } from 'express';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import * as z from 'zod';
import { type Clock, dateNow } from '../core/clock.ts';
import type { RandomSource } from '../core/ids.ts';

/** What somebody holds who is written to. Plain data, kept over a restart. */
export interface PhoneState {
  texts: PhoneText[];
  mode: PhoneMode;
  isOpen: boolean;
}

/** `flight`: nothing reaches it for now. `blocked`: its owner has opted out. */
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

const message = z.object({
  id: z.string(),
  to: z.string(),
  text: z.string().nullable(),
  html: z.string().nullable(),
  attachments: z.array(z.string()),
  locationId: z.string(),
  /** Told by the sandbox channel; whoever uses the gateway has to be asked for it. */
  callbackUrl: z.url().optional(),
});

const deliveryMs = 700;

export type SandboxPhone = ReturnType<typeof createPhone>;

/**
 * The phone of sandbox mode: the far side of the `sandbox` channel, and a gateway that a newcomer can connect as any other. Both speak
 * the gateway protocol.
 */
export function createPhone(options: {
  clock: Clock;
  random: RandomSource;
  http: AxiosInstance;
  /** Shared with the channel. */
  secret: string;
  /** Where the app listens for the gateway, as its operator would have been told. */
  callbackUrlOf?: (locationId: string) => Promise<string | null>;
  state?: PhoneState | undefined;
  changed: () => void;
}) {
  const { clock, random, http, changed } = options;
  const state: PhoneState = options.state ?? { texts: [], mode: 'on', isOpen: false };
  const signing = new Webhook(options.secret);

  async function call(url: string, content: Record<string, unknown>): Promise<number> {
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

  /** A call that the app does not take now is made again, as any carrier does. */
  function callUntilTaken(url: string, content: Record<string, unknown>, waitMs = 1_000): void {
    call(url, content)
      .catch(() => 503)
      .then((status) => {
        if (status < 500) return;
        clock.setTimeout(() => callUntilTaken(url, content, Math.min(waitMs * 2, 60_000)), waitMs);
      });
  }

  function read(text: PhoneText): void {
    if (text.isMine || text.isRead) return;
    text.isRead = true;
    callUntilTaken(`${text.callbackUrl}/status`, { id: text.id, status: 'read', at: dateNow(clock).toISOString() });
  }

  function arrive(text: PhoneText): void {
    callUntilTaken(`${text.callbackUrl}/status`, { id: text.id, status: 'delivered', at: dateNow(clock).toISOString() });
    if (state.isOpen) clock.setTimeout(() => read(text), deliveryMs);
    changed();
  }

  return {
    state,
    /** Receives what the sandbox channel sends. */
    router: receive({ state, signing, clock, arrive, changed }, '/messages', async () => null),
    /** Receives what a connected gateway is sent. */
    gateway: receive({ state, signing, clock, arrive, changed }, '/', options.callbackUrlOf ?? (async () => null)),
    textsOf: (number: string) => state.texts.filter((text) => text.number === number),

    setMode(mode: PhoneMode) {
      state.mode = mode;
      changed();
    },
    /** Somebody looks at the phone, or puts it away. */
    open(isOpen: boolean) {
      state.isOpen = isOpen;
      if (isOpen) for (const text of state.texts) read(text);
      changed();
    },
    /** Somebody types an answer. */
    type(number: string, text: string, callbackUrl: string) {
      const id = `phone-${random(10).toString('hex')}`;
      const at = clock.now();
      state.texts.push({ id, number, isMine: true, text, attachments: [], at, isRead: true, callbackUrl });
      callUntilTaken(`${callbackUrl}/inbound`, { externalId: id, from: number, text, at: new Date(at).toISOString() });
      changed();
    },
  };
}

function receive(
  phone: {
    state: PhoneState;
    signing: Webhook;
    clock: Clock;
    arrive: (text: PhoneText) => void;
    changed: () => void;
  },
  path: string,
  callbackUrlOf: (locationId: string) => Promise<string | null>,
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
    const said = message.parse(JSON.parse(request.body.toString('utf8')));
    if (state.mode === 'flight') {
      return void response.status(503).json({ error: { code: 'unreachable', message: 'The phone is in flight mode.' } });
    }
    if (state.mode === 'blocked') {
      return void response.status(400).json({ error: { code: '21610', message: 'The contact has opted out of messages.' } });
    }
    const callbackUrl = said.callbackUrl ?? (await callbackUrlOf(said.locationId));
    if (!callbackUrl) {
      return void response.status(409).json({ error: { code: 'unknown', message: 'This gateway is not connected there.' } });
    }
    if (!state.texts.some(({ id }) => id === said.id)) {
      const text: PhoneText = {
        id: said.id,
        number: said.to,
        isMine: false,
        text: said.text ?? said.html?.replace(/<[^<>]*>/g, '') ?? '',
        attachments: said.attachments,
        at: clock.now(),
        isRead: false,
        callbackUrl,
      };
      state.texts.push(text);
      clock.setTimeout(() => phone.arrive(text), deliveryMs);
      phone.changed();
    }
    response.json({ externalId: `phone-${said.id}`, status: 'accepted' });
  });
  return router;
}
