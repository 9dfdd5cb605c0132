import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createWahaChannel } from '../../src/channels/waha/waha.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { signWahaEvent, toWahaAck, toWahaEvent, toWahaMessage } from '../../src/sandbox/vendors/waha/events.ts';
import { createWahaVendor, type WebFault } from '../../src/sandbox/vendors/waha.ts';
import { getWebPerson, type WebMessage, type WebStatus } from '../../src/sandbox/vendors/whatsapp-web/state.ts';
import { listen } from '../support/http.ts';
import type { VendorBehaviour, VendorSend, VendorUnderTest } from './vendor-under-test.ts';
import { checkWahaEvent, checkWahaRequest } from './waha-description.ts';

export const hmacKey = 'hmac-key-of-the-connection';

const busy = { statusCode: 429, message: 'Too Many Requests' };
const faults: Partial<Record<string, WebFault>> = {
  reject: { kind: 'error', status: 422, body: { statusCode: 422, message: 'No LID for user' } },
  throttle: { kind: 'error', status: 429, body: busy },
  server_error: { kind: 'error', status: 500, body: { statusCode: 500, exception: { message: 'Protocol error' } } },
  hang: { kind: 'hang' },
  cut_after_request: { kind: 'cut_after_accepting' },
  wrong_credentials: { kind: 'wrong_key' },
};

/** Returns the fault of a behaviour. */
function toFault(next: VendorBehaviour): WebFault | null {
  if (typeof next === 'string') return faults[next] ?? null;
  return { kind: 'error', status: 429, body: busy, headers: { 'retry-after': String(next.throttleMs / 1_000) } };
}

/** Starts the simulated WAHA server for the suite that every channel passes. */
export async function startWahaVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  let requestCount = 0;
  const vendor = createWahaVendor({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    getUrl: () => url,
    onRequest(request) {
      if (request.operation.startsWith('/api/send')) requestCount += 1;
      violations.push(...checkWahaRequest(request));
    },
  });
  app.use(vendor.router);
  const { state } = vendor;
  const config = { baseUrl: url, apiKey: state.apiKey, session: state.session, hmacKey };

  function toRequest(event: string, payload: object): WebhookRequest {
    const body = toWahaEvent(state, randomBytes, systemClock.now(), event, payload);
    violations.push(...checkWahaEvent(body));
    const headers = { 'content-type': 'application/json', ...signWahaEvent(hmacKey, body) };
    return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
  }

  const receive = (message: Partial<WebMessage> & Pick<WebMessage, 'key' | 'waId' | 'text'>): WebhookRequest => {
    const stored: WebMessage = {
      ...{ direction: 'inbound', isFromPhone: false, kind: 'text', file: null, replyTo: null, status: 'server' },
      at: systemClock.now(),
      ...message,
    };
    state.messages.push(stored);
    const person = getWebPerson(state, stored.waId);
    return toRequest('message.any', toWahaMessage(state, stored, person, vendor.toFileUrl(stored)));
  };

  return {
    name: 'waha',
    channel: createWahaChannel({ allowPrivateTargets: true }),
    config,
    secrets: [state.apiKey, hmacKey],
    wrongConfig: { ...config, apiKey: 'a-key-of-another-server' },
    has: {
      ...{ receipts: true, read: true, lookUp: false, attachments: true, optOuts: false, throttleTime: true },
      authenticatedMedia: true,
    },
    behave: (next) => vendor.setFault(toFault(next)),
    listSends: () =>
      state.messages
        .filter(({ direction }) => direction === 'outbound')
        .map(({ key, waId, text, file }) => ({
          externalId: key,
          to: `+${waId}`,
          text,
          attachments: file ? [file.name] : [],
        })),
    countRequests: () => requestCount,
    violations,
    receipt(_webhookUrl, send, _messageId, receiptState) {
      const statuses: Record<typeof receiptState, WebStatus> = { delivered: 'delivered', read: 'read', failed: 'failed' };
      return toRequest('message.ack', toWahaAck(state, toMessage(send, statuses[receiptState]), getWebPerson(state, send.to)));
    },
    inbound: (_webhookUrl, { externalId, from, text, picture }) =>
      receive({
        ...{ key: externalId, waId: getWebPerson(state, from).waId, text, kind: picture ? 'image' : 'text' },
        file: picture
          ? { contentType: picture.contentType, base64: picture.data.toString('base64'), name: 'picture.png' }
          : null,
      }),
    optOut: (_webhookUrl, from, optedOut) =>
      receive({ key: `opt-${optedOut}`, waId: getWebPerson(state, from).waId, text: optedOut ? 'STOP' : 'START' }),
    forge: (request) => ({ ...request, headers: { ...request.headers, 'x-webhook-hmac': '0'.repeat(128) } }),
    close() {
      vendor.close();
      return close();
    },
  };
}

/** Converts a send to the simulator's message with another state. */
export function toMessage({ externalId, to, text }: VendorSend, status: WebStatus): WebMessage {
  return {
    ...{
      key: externalId,
      direction: 'outbound',
      isFromPhone: false,
      waId: to.replace('+', ''),
      kind: 'text',
      text,
      file: null,
    },
    ...{ replyTo: null, status, at: systemClock.now() },
  };
}
