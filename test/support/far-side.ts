import { createHmac, randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import express, { type RequestHandler } from 'express';
import { listen } from './http.ts';

/** What a gateway answers; a function may look at the request, wait, or break the connection. */
export type FarSideAnswer = { status?: number; body?: unknown; headers?: Record<string, string> } | 'cut' | 'hang';

export interface FarSideRequest {
  headers: IncomingHttpHeaders;
  body: { id: string; to: string; text: string | null; attachments: string[]; channel: string; [key: string]: unknown };
}

export type FarSide = Awaited<ReturnType<typeof startFarSide>>;

/** A gateway that checks signatures, keeps what it got, drops repeats as the protocol asks, and answers what it is told to. */
export async function startFarSide() {
  const secret = `whsec_${randomBytes(32).toString('base64')}`;
  const requests: FarSideRequest[] = [];
  const wrongSignatures: FarSideRequest[] = [];
  let answer: (request: FarSideRequest) => FarSideAnswer | Promise<FarSideAnswer> = () => ({ body: { status: 'delivered' } });

  const app = express();
  app.post('/send', express.raw({ type: () => true, limit: '20mb' }), async (request, response) => {
    const got = { headers: request.headers, body: JSON.parse(request.body.toString('utf8')) };
    requests.push(got);
    const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signature } = request.headers;
    if (signature !== sign(secret, String(id), String(timestamp), request.body.toString('utf8'))) wrongSignatures.push(got);
    const said = await answer(got);
    if (said === 'hang') return;
    if (said === 'cut') return void request.socket.destroy();
    response.set(said.headers ?? {}).status(said.status ?? 200);
    if (said.body === undefined) response.end();
    else response.send(typeof said.body === 'string' ? said.body : JSON.stringify(said.body));
  });
  /** What it offers for download; hits are counted. */
  const files = new Map<string, { handler: RequestHandler; hits: number }>();
  app.get('/files/:name', (request, response, next) => {
    const file = files.get(request.params.name);
    if (!file) return void response.status(404).end();
    file.hits += 1;
    return file.handler(request, response, next);
  });
  const { url, close } = await listen(app);

  return {
    url: `${url}/send`,
    secret,
    requests,
    wrongSignatures,
    /** Texts that would have reached somebody: a repeat counts once. */
    received: () => [...new Map(requests.map(({ headers, body }) => [headers['webhook-id'], body])).values()],
    answers(next: typeof answer | FarSideAnswer) {
      answer = typeof next === 'function' ? next : () => next;
    },
    /** Offers a file: its bytes with a Content-Type, or whatever a handler does. @returns its address */
    offers(name: string, content: Buffer | RequestHandler, type = 'application/octet-stream'): string {
      const handler: RequestHandler =
        typeof content === 'function' ? content : (_request, response) => void response.type(type).end(content);
      files.set(name, { handler, hits: 0 });
      return `${url}/files/${name}`;
    },
    hitsOf: (name: string) => files.get(name)?.hits ?? 0,
    /** Headers and body of a call to Patchbay. */
    signed(content: unknown, at = new Date(), withSecret = secret) {
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
