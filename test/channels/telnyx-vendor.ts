import { randomBytes } from 'node:crypto';
import express from 'express';
import { createTelnyxChannel } from '../../src/channels/telnyx/telnyx.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { SimMessage } from '../../src/sandbox/vendors/telnyx/state.ts';
import { createTelnyx, type TelnyxFault } from '../../src/sandbox/vendors/telnyx.ts';
import { listen } from '../support/http.ts';
import { checkCall, checkWebhook } from './telnyx-fields.ts';
import { toRequest } from './telnyx-world.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

function toFault(behaviour: VendorBehaviour): TelnyxFault | null {
  const error = (status: number, code: string, title: string): TelnyxFault => ({
    ...{ kind: 'error', status, errors: [{ code, title, detail: 'The details of Telnyx.' }] },
  });
  if (typeof behaviour === 'object') {
    const retryAfterSeconds = Math.ceil(behaviour.throttleMs / 1000);
    return { kind: 'error', status: 429, errors: [{ code: '10011', title: 'Too many requests' }], retryAfterSeconds };
  }
  switch (behaviour) {
    case 'accept':
      return null;
    case 'reject':
      return error(400, '40310', "Invalid 'to' address");
    case 'opted_out':
      return error(400, '40300', 'Blocked due to STOP message');
    case 'throttle':
      return error(429, '10011', 'Too many requests');
    case 'server_error':
      return error(500, '10007', 'Unexpected error');
    case 'wrong_credentials':
      return error(401, '10009', 'Authentication failed');
    case 'hang':
      return { kind: 'hang' };
    case 'cut_after_request':
      return { kind: 'cut' };
  }
}

/** Starts the simulated Telnyx as a vendor of the contract suite. */
export async function startTelnyxVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  let requestCount = 0;
  // The suite posts each webhook itself, so that those of the simulator lead to no server.
  const http = Object.assign(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }), {
    post: async () => ({ status: 200, data: '', headers: {} }) as never,
  });
  const telnyx = createTelnyx({
    ...{ clock: systemClock, random: randomBytes, http, url: () => url },
    onWebhook: (webhook) => violations.push(...checkWebhook(webhook)),
    onCall(call) {
      violations.push(...checkCall(call));
      if (call.method === 'POST' && call.path.endsWith('/messages')) requestCount += 1;
    },
  });
  app.use(telnyx.router);
  const { account, numbers } = telnyx.state;
  const from = numbers[0]?.phoneNumber ?? '';
  const config = { apiKey: account.apiKey, publicKey: account.publicKey, from, baseUrl: url };

  return {
    name: 'telnyx',
    channel: createTelnyxChannel({ allowPrivateTargets: true }),
    config,
    secrets: [account.apiKey],
    wrongConfig: { ...config, apiKey: `KEY${randomBytes(24).toString('hex')}` },
    has: {
      ...{ receipts: true, read: false, lookUp: true, attachments: true, optOuts: true },
      ...{ throttleTime: true, authenticatedMedia: false },
    },
    behave: (next) => telnyx.setFault(toFault(next)),
    listSends: () =>
      telnyx.state.messages
        .filter(({ direction }) => direction === 'outbound')
        .map(({ id, to, text, mediaUrls }) => ({ externalId: id, to, text, attachments: mediaUrls })),
    countRequests: () => requestCount,
    violations,
    receipt(webhookUrl, send, messageId, state) {
      const sent = telnyx.state.messages.find(({ id }) => id === send.externalId) as SimMessage;
      const status = state === 'failed' ? 'delivery_failed' : 'delivered';
      const errors = state === 'failed' ? [{ code: '40008', title: 'Undeliverable', detail: 'The carrier said no.' }] : [];
      const message = { ...sent, status, errors, completedAt: Date.now() };
      return toRequest(telnyx.signReceipt(`${webhookUrl}/webhook/${messageId}`, message), webhookUrl);
    },
    inbound: (webhookUrl, { externalId, picture, ...rest }) =>
      toRequest(
        telnyx.signInbound(`${webhookUrl}/webhook`, { ...rest, to: from, id: externalId, media: picture ? [picture] : [] }),
        webhookUrl,
      ),
    optOut: (webhookUrl, contact, optedOut) =>
      toRequest(
        telnyx.signInbound(`${webhookUrl}/webhook`, { from: contact, to: from, text: optedOut ? 'STOP' : 'START' }),
        webhookUrl,
      ),
    forge: (request) => ({ ...request, body: Buffer.concat([request.body, Buffer.from(' ')]) }),
    close,
  };
}
