import express from 'express';
import { Webhook } from 'standardwebhooks';
import { listen } from './http.ts';

export interface ReceivedWebhook {
  id: string;
  headers: Record<string, string>;
  /** Raw, as it was signed. */
  body: string;
  type: string;
  timestamp: string;
  data: Record<string, unknown>;
}

/** An agency's program that gets outgoing webhooks. */
export async function startWebhookReceiver() {
  const received: ReceivedWebhook[] = [];
  let response: { status?: number; body?: string; headers?: Record<string, string> } | 'hang' = {};
  const app = express();
  app.post('/events', express.text({ type: () => true }), (request, reply) => {
    const headers = request.headers as Record<string, string>;
    received.push({ id: String(headers['webhook-id']), headers, body: request.body, ...JSON.parse(request.body) });
    if (response === 'hang') return;
    reply
      .status(response.status ?? 204)
      .set(response.headers ?? {})
      .send(response.body);
  });
  const { url, close } = await listen(app);
  return {
    url: `${url}/events`,
    received,
    listTypes: () => received.map(({ type }) => type),
    respondWith(next: typeof response) {
      response = next;
    },
    [Symbol.asyncDispose]: close,
  };
}

/** Verifies a webhook with the library of the standard, which reads this machine's clock. @throws when its signature is wrong */
export function verifyWebhook(secret: string, { body, headers }: ReceivedWebhook): void {
  new Webhook(secret).verify(body, headers);
}
