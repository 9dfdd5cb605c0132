import type { Axios } from 'axios';
import express, { Router } from 'express';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import * as z from 'zod';
import { type Clock, dateNow } from '../../core/clock.ts';
import type { RandomSource } from '../../core/ids.ts';
import type { SandboxPhone } from '../phone.ts';

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

type FindCallbackUrl = (locationId: string) => Promise<string | null>;

/**
 * Connects the phone with the app by the gateway protocol, as the vendor behind the `sandbox` channel, and as a gateway that a newcomer can
 * connect as any other.
 */
export function addGateway(
  phone: SandboxPhone,
  deps: {
    clock: Clock;
    random: RandomSource;
    http: Axios;
    /** Shared with the channel. */
    secret: string;
    /** Address of the sandbox, from which the app fetches pictures. */
    getUrl: () => string;
    /** Finds the URL at which the app receives the gateway's webhooks, which its operator would have configured. */
    findCallbackUrl: FindCallbackUrl;
  },
): { sandboxRouter: Router; gatewayRouter: Router } {
  const { clock } = deps;
  const signing = new Webhook(deps.secret);
  const postWithRetry = createWebhookPoster({ ...deps, signing });
  const now = () => dateNow(clock).toISOString();

  phone.addCarrier('gateway', {
    deliver: ({ id, callbackUrl }) => postWithRetry(`${callbackUrl}/status`, { id, status: 'delivered', at: now() }),
    markRead: ({ id, callbackUrl }) => postWithRetry(`${callbackUrl}/status`, { id, status: 'read', at: now() }),
    // The gateway refuses a message that the phone can't receive.
    fail: () => undefined,
    sendReply({ id, number, text, picture, at }, { callbackUrl }) {
      postWithRetry(`${callbackUrl}/inbound`, {
        ...{ externalId: id, from: number, text, at: new Date(at).toISOString() },
        ...(picture ? { attachments: [`${deps.getUrl()}${picture.path}`] } : {}),
      });
      return null;
    },
  });
  return {
    sandboxRouter: createReceiver(phone, signing, '/messages', async () => null),
    gatewayRouter: createReceiver(phone, signing, '/', deps.findCallbackUrl),
  };
}

/** Creates the poster of webhooks, which retries while the app does not accept one, as any carrier does. */
function createWebhookPoster(deps: { clock: Clock; random: RandomSource; http: Axios; signing: Webhook }) {
  const { clock, random, http, signing } = deps;

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

  return function postWithRetry(url: string, content: Record<string, unknown>, waitMs = 1_000): void {
    post(url, content)
      .catch(() => 503)
      .then((status) => {
        if (status < 500) return;
        clock.setTimeout(() => postWithRetry(url, content, Math.min(waitMs * 2, 60_000)), waitMs);
      });
  };
}

function createReceiver(phone: SandboxPhone, signing: Webhook, path: string, findCallbackUrl: FindCallbackUrl): Router {
  const router = Router();
  router.post(path, express.raw({ type: () => true, limit: '1mb' }), async (request, response) => {
    try {
      signing.verify(request.body, request.headers as Record<string, string>, { jsonParse: false });
    } catch (error) {
      if (!(error instanceof WebhookVerificationError)) throw error;
      return void response.status(401).json({ error: { code: 'signature', message: 'Wrong signature.' } });
    }
    const payload = sendSchema.parse(JSON.parse(request.body.toString('utf8')));
    if (phone.state.mode === 'flight') {
      return void response.status(503).json({ error: { code: 'unreachable', message: 'The phone is in flight mode.' } });
    }
    if (phone.state.mode === 'blocked') {
      return void response.status(400).json({ error: { code: '21610', message: 'The contact has opted out of messages.' } });
    }
    const callbackUrl = payload.callbackUrl ?? (await findCallbackUrl(payload.locationId));
    if (!callbackUrl) {
      return void response.status(409).json({ error: { code: 'unknown', message: 'This gateway is not connected there.' } });
    }
    if (!phone.hasText(payload.id)) {
      const text = payload.text ?? payload.html?.replace(/<[^<>]*>/g, '') ?? '';
      const { id, to: number, attachments } = payload;
      phone.receive({ id, number, text, attachments, callbackUrl, carrier: 'gateway', app: 'SMS' });
    }
    response.json({ externalId: `phone-${payload.id}`, status: 'accepted' });
  });
  return router;
}
