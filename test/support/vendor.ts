import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import express, { type RequestHandler } from 'express';
import { listen } from './http.ts';

/** A gateway's response; a function may read the request, wait, or break the connection. */
export type VendorResponse = { status?: number; body?: unknown; headers?: Record<string, string> } | 'cut' | 'hang';

export interface VendorRequest {
  headers: IncomingHttpHeaders;
  body: { id: string; to: string; text: string | null; attachments: string[]; channel: string; [key: string]: unknown };
}

export type Vendor = Awaited<ReturnType<typeof startVendor>>;

/** A gateway that checks signatures, keeps the requests it got, drops repeats as the protocol asks, and returns the response that a test sets. */
export async function startVendor(secret = `whsec_${randomBytes(32).toString('base64')}`, address?: string) {
  const requests: VendorRequest[] = [];
  const invalidSignatures: VendorRequest[] = [];
  let respond: (request: VendorRequest) => VendorResponse | Promise<VendorResponse> = () => ({ body: { status: 'delivered' } });

  const app = express();
  app.post('/send', express.raw({ type: () => true, limit: '20mb' }), async (request, response) => {
    const received = { headers: request.headers, body: JSON.parse(request.body.toString('utf8')) };
    requests.push(received);
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = request.headers;
    if (signature !== sign(secret, String(id), String(timestamp), request.body.toString('utf8')))
      invalidSignatures.push(received);
    const reply = await respond(received);
    if (reply === 'hang') return;
    if (reply === 'cut') return void request.socket.destroy();
    response.set(reply.headers ?? {}).status(reply.status ?? 200);
    if (reply.body === undefined) response.end();
    else response.send(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body));
  });
  /** What it offers for download; hits are counted. */
  const files = new Map<string, { handler: RequestHandler; hits: number }>();
  app.get('/files/:name', (request, response, next) => {
    const file = files.get(request.params.name);
    if (!file) return void response.status(404).end();
    file.hits += 1;
    return file.handler(request, response, next);
  });
  const { url, close } = await listen(app, address);

  return {
    url: `${url}/send`,
    secret,
    requests,
    wrongSignatures: invalidSignatures,
    /** Texts that would have reached a contact: a repeat counts once. */
    listReceived: () => [...new Map(requests.map(({ headers, body }) => [headers['webhook-id'], body])).values()],
    respondWith(next: typeof respond | VendorResponse) {
      respond = typeof next === 'function' ? next : () => next;
    },
    /** Offers a file: its bytes with a Content-Type, or the response of a handler. @returns its address */
    serveFile(name: string, content: Buffer | RequestHandler, type = 'application/octet-stream'): string {
      const handler: RequestHandler =
        typeof content === 'function' ? content : (_request, response) => void response.type(type).end(content);
      files.set(name, { handler, hits: 0 });
      return `${url}/files/${name}`;
    },
    countHits: (name: string) => files.get(name)?.hits ?? 0,
    /** Headers and body of a call to Patchbay. */
    signWebhook(content: unknown, at = new Date(), withSecret = secret) {
      const body = typeof content === 'string' ? content : JSON.stringify(content);
      const id = randomBytes(8).toString('hex');
      const timestamp = String(Math.floor(at.getTime() / 1000));
      return {
        body,
        headers: {
          'content-type': 'application/json',
          'webhook-id': id,
          'webhook-timestamp': timestamp,
          'webhook-signature': sign(withSecret, id, timestamp, body),
        },
      };
    },
    close,
  };
}

/** Standard Webhooks, written out: what checks us must not be what we use. */
function sign(secret: string, id: string, timestamp: string, body: string): string {
  const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
  return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
}
