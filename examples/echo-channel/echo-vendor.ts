import { createHmac, randomBytes } from 'node:crypto';
import express, { type Response } from 'express';
import type { Channel, WebhookRequest } from '../../src/channels/channel.ts';
import { createChannelTools } from '../../src/channels/tools.ts';
import type { VendorBehaviour, VendorSend, VendorUnderTest } from '../../test/channels/vendor-under-test.ts';
import { listen } from '../../test/support/http.ts';
import createEchoChannel from './index.js';

/** Starts a simulated Echo, the imaginary vendor of `docs/adding-a-channel.md`. */
export async function startEchoVendor(): Promise<VendorUnderTest> {
  const [apiKey, webhookSecret] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex')];
  const sends: (VendorSend & { reference: string })[] = [];
  const files = new Map<string, { data: Buffer; contentType: string }>();
  const violations: string[] = [];
  let behaviour: VendorBehaviour = 'accept';
  let requestCount = 0;

  const app = express();
  app.use((request, response, next) => {
    if (request.headers.authorization === `Bearer ${apiKey}` && behaviour !== 'wrong_credentials') return next();
    return void response.status(401).json({ code: 'unauthorized', message: 'Unknown API key.' });
  });
  app.get('/account', (_request, response) => void response.json({ name: 'Echo account 1' }));
  app.get('/messages', ({ query }, response) => {
    response.json({
      messages: sends.filter(({ reference }) => reference === query.reference).map(({ externalId: id }) => ({ id })),
    });
  });
  app.get('/files/:name', ({ params }, response) => {
    const file = files.get(params.name);
    if (file) response.type(file.contentType).end(file.data);
    else response.status(404).end();
  });
  app.post('/messages', express.json(), ({ body, socket }, response) => {
    requestCount += 1;
    for (const field of ['reference', 'to', 'text']) {
      if (typeof body[field] !== 'string') violations.push(`${field} is ${typeof body[field]}`);
    }
    if (behaviour === 'hang') return;
    if (behaviour !== 'accept' && behaviour !== 'cut_after_request') return refuse(behaviour, response);
    const { reference, to, text, media: attachments } = body;
    const externalId = `echo-${sends.length + 1}`;
    sends.push({ externalId, reference, to, text, attachments });
    if (behaviour === 'accept') response.status(201).json({ id: externalId });
    else socket.destroy();
  });
  const { url, close } = await listen(app);
  const config = { baseUrl: url, apiKey, webhookSecret };

  function toRequest(event: object): WebhookRequest {
    const body = Buffer.from(JSON.stringify({ events: [event] }));
    const headers = { 'x-echo-signature': createHmac('sha256', webhookSecret).update(body).digest('hex') };
    return { method: 'POST', path: 'events', query: new URLSearchParams(), headers, body };
  }

  return {
    name: 'echo',
    channel: createEchoChannel(createChannelTools(true)) as unknown as Channel,
    config,
    secrets: [apiKey, webhookSecret],
    wrongConfig: { ...config, apiKey: 'wrong' },
    has: {
      ...{ receipts: true, read: true, lookUp: true, attachments: true, optOuts: true },
      ...{ throttleTime: true, authenticatedMedia: true },
    },
    behave(next) {
      behaviour = next;
    },
    listSends: () => sends,
    countRequests: () => requestCount,
    violations,
    receipt: (_webhookUrl, { externalId }, _messageId, status) =>
      toRequest({ type: 'status', id: externalId, status, error: { code: 'off', message: 'The phone is off.' } }),
    inbound(_webhookUrl, { externalId, from, text, picture }) {
      if (picture) files.set(externalId, picture);
      return toRequest({ type: 'message', id: externalId, from, text, files: picture ? [externalId] : [] });
    },
    optOut: (_webhookUrl, from, optedOut) => toRequest({ type: optedOut ? 'stop' : 'start', from }),
    forge: (request) => ({ ...request, headers: { 'x-echo-signature': '00'.repeat(32) } }),
    close,
  };
}

function refuse(behaviour: VendorBehaviour, response: Response): void {
  if (typeof behaviour === 'object') response.set('retry-after', String(behaviour.throttleMs / 1000));
  const [status, code] =
    behaviour === 'reject'
      ? [422, 'no_such_number']
      : behaviour === 'opted_out'
        ? [422, 'stopped']
        : behaviour === 'server_error'
          ? [500, 'internal']
          : [429, 'too_many'];
  response.status(status).json({ code, message: `Echo: ${code}.` });
}
