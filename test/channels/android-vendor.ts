import { randomBytes } from 'node:crypto';
import express from 'express';
import { createAndroidSmsGatewayChannel } from '../../src/channels/android-sms-gateway/android-sms-gateway.ts';
import { toAuthorization } from '../../src/channels/android-sms-gateway/api.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { SimMessage } from '../../src/sandbox/vendors/android-sms-gateway/state.ts';
import { type AndroidFault, createAndroidSmsGateway } from '../../src/sandbox/vendors/android-sms-gateway.ts';
import { listen } from '../support/http.ts';
import { checkCall } from './android-fields.ts';
import { toRequest } from './android-world.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

function toFault(behaviour: VendorBehaviour): AndroidFault | null {
  if (typeof behaviour === 'object') {
    const retryAfterSeconds = Math.ceil(behaviour.throttleMs / 1000);
    return { kind: 'error', status: 429, message: 'Too Many Requests', retryAfterSeconds };
  }
  switch (behaviour) {
    case 'accept':
      return null;
    case 'reject':
    case 'opted_out':
      return { kind: 'error', status: 400, message: 'failed to use phone in row 1: invalid phone number' };
    case 'throttle':
      return { kind: 'error', status: 503, message: 'queue limits exceeded: too many pending messages: 10 / 10' };
    case 'server_error':
      return { kind: 'error', status: 500, message: 'failed to handle request' };
    case 'wrong_credentials':
      return { kind: 'error', status: 401, message: 'Unauthorized' };
    case 'hang':
      return { kind: 'hang' };
    case 'cut_after_request':
      return { kind: 'cut' };
  }
}

/** Starts the simulated SMS gateway as a vendor of the contract suite. */
export async function startAndroidVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  let requestCount = 0;
  // The suite posts each webhook itself, so that those of the simulator lead to no server.
  const http = Object.assign(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }), {
    post: async () => ({ status: 200, data: '', headers: {} }) as never,
  });
  const android = createAndroidSmsGateway({
    ...{ clock: systemClock, random: randomBytes, http },
    onCall(call) {
      violations.push(...checkCall(call));
      if (call.method === 'POST' && call.path === '/messages') requestCount += 1;
    },
  });
  app.use(android.router);
  const { account, devices } = android.state;
  const { username, password, signingKey } = account;
  const config = { baseUrl: url, username, password, signingKey, deviceId: devices[0]?.id };
  const split = ({ text }: SimMessage) => {
    const lines = text.split('\n');
    const links = lines.filter((line) => /^https?:/.test(line));
    return { text: lines.filter((line) => !links.includes(line)).join('\n'), attachments: links };
  };

  return {
    name: 'android_sms_gateway',
    channel: createAndroidSmsGatewayChannel({ allowPrivateTargets: true }),
    config,
    secrets: [password, signingKey, toAuthorization(account).replace('Basic ', '')],
    wrongConfig: { ...config, password: randomBytes(12).toString('hex') },
    has: {
      ...{ receipts: true, read: false, lookUp: true, attachments: true, optOuts: false },
      // Files come in the webhook itself, through a reference.
      ...{ throttleTime: true, authenticatedMedia: true },
    },
    behave: (next) => android.setFault(toFault(next)),
    listSends: () => android.state.messages.map((message) => ({ externalId: message.id, to: message.to, ...split(message) })),
    countRequests: () => requestCount,
    violations,
    receipt(webhookUrl, send, _messageId, state) {
      const sent = android.state.messages.find(({ id }) => id === send.externalId) as SimMessage;
      const changed: SimMessage =
        state === 'failed'
          ? { ...sent, state: 'Failed', error: 'RESULT_ERROR_NO_SERVICE' }
          : { ...sent, state: 'Delivered', times: { ...sent.times, Delivered: Date.now() } };
      return toRequest(android.signReceipt(`${webhookUrl}/webhook`, changed), webhookUrl);
    },
    inbound: (webhookUrl, { externalId, picture, ...rest }) =>
      toRequest(
        android.signInbound(`${webhookUrl}/webhook`, { ...rest, id: externalId, media: picture ? [picture] : [] }),
        webhookUrl,
      ),
    optOut: (webhookUrl, contact, optedOut) =>
      toRequest(android.signInbound(`${webhookUrl}/webhook`, { from: contact, text: optedOut ? 'STOP' : 'START' }), webhookUrl),
    forge: (request) => ({ ...request, headers: { ...request.headers, 'x-signature': '0'.repeat(64) } }),
    close,
  };
}
