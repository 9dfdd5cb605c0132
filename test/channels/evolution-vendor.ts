import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createEvolutionChannel } from '../../src/channels/evolution/evolution.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { toEvolutionEvent, toEvolutionMessage, toEvolutionUpdate } from '../../src/sandbox/vendors/evolution/events.ts';
import { createEvolutionVendor, type WebFault } from '../../src/sandbox/vendors/evolution.ts';
import { getWebPerson, type WebMessage } from '../../src/sandbox/vendors/whatsapp-web/state.ts';
import { listen } from '../support/http.ts';
import { checkEvolutionRequest } from './evolution-description.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';
import { toMessage } from './waha-vendor.ts';

export const webhookSecret = 'secret-of-the-webhooks-of-the-connection';

const faults: Partial<Record<string, WebFault>> = {
  reject: {
    kind: 'error',
    status: 400,
    body: {
      status: 400,
      error: 'Bad Request',
      response: { message: [{ jid: '12025550143@s.whatsapp.net', exists: false, number: '12025550143' }] },
    },
  },
  throttle: { kind: 'error', status: 503, body: { message: 'busy' } },
  server_error: { kind: 'error', status: 500, body: { status: 500, response: { message: 'AggregateError' } } },
  hang: { kind: 'hang' },
  cut_after_request: { kind: 'cut_after_accepting' },
  wrong_credentials: { kind: 'wrong_key' },
};

/** Returns the fault of a behaviour. A proxy before the server limits requests; the server itself has no limit. */
function toFault(next: VendorBehaviour): WebFault | null {
  if (typeof next === 'string') return faults[next] ?? null;
  return { kind: 'error', status: 429, body: {}, headers: { 'retry-after': String(next.throttleMs / 1_000) } };
}

/** Starts the simulated Evolution API server for the suite that every channel passes. */
export async function startEvolutionVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  let requestCount = 0;
  const vendor = createEvolutionVendor({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    onRequest(request) {
      if (request.operation.startsWith('/message/')) requestCount += 1;
      violations.push(...checkEvolutionRequest(request));
    },
  });
  app.use(vendor.router);
  const { state } = vendor;
  const config = { baseUrl: url, apiKey: state.apiKey, instance: state.instance, webhookSecret };

  function toRequest(event: string, data: object): WebhookRequest {
    const body = toEvolutionEvent(state, systemClock.now(), event, data);
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${webhookSecret}` };
    return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
  }

  const receive = (message: Partial<WebMessage> & Pick<WebMessage, 'key' | 'waId' | 'text'>): WebhookRequest => {
    const stored: WebMessage = {
      ...{ direction: 'inbound', isFromPhone: false, kind: 'text', file: null, replyTo: null, status: 'server' },
      at: systemClock.now(),
      ...message,
    };
    state.messages.push(stored);
    return toRequest('messages.upsert', toEvolutionMessage(stored, getWebPerson(state, stored.waId)));
  };

  return {
    name: 'evolution',
    channel: createEvolutionChannel({ allowPrivateTargets: true }),
    config,
    secrets: [state.apiKey, webhookSecret],
    wrongConfig: { ...config, apiKey: 'a-key-of-another-server' },
    has: {
      ...{ receipts: true, read: true, lookUp: false, attachments: true, optOuts: false, throttleTime: true },
      authenticatedMedia: true,
    },
    behave: (next) => vendor.setFault(toFault(next)),
    listSends: () =>
      state.messages
        .filter(({ direction }) => direction === 'outbound')
        .map(({ key, waId, text, file }) => ({ externalId: key, to: `+${waId}`, text, attachments: file ? [file.name] : [] })),
    countRequests: () => requestCount,
    violations,
    receipt: (_webhookUrl, send, _messageId, status) =>
      toRequest('messages.update', toEvolutionUpdate(toMessage(send, status), getWebPerson(state, send.to))),
    inbound: (_webhookUrl, { externalId, from, text, picture }) =>
      receive({
        ...{ key: externalId, waId: getWebPerson(state, from).waId, text, kind: picture ? 'image' : 'text' },
        file: picture
          ? { contentType: picture.contentType, base64: picture.data.toString('base64'), name: 'picture.png' }
          : null,
      }),
    optOut: (_webhookUrl, from, optedOut) =>
      receive({ key: `opt-${optedOut}`, waId: getWebPerson(state, from).waId, text: optedOut ? 'STOP' : 'START' }),
    forge: (request) => ({ ...request, headers: { ...request.headers, authorization: 'Bearer another-secret-of-webhooks' } }),
    close() {
      vendor.close();
      return close();
    },
  };
}
