import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { toAuthorization } from '../../src/channels/twilio/api.ts';
import { createTwilioChannel } from '../../src/channels/twilio/twilio.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createTwilio, type TwilioFault } from '../../src/sandbox/vendors/twilio.ts';
import { listen } from '../support/http.ts';
import { checkCall } from './twilio-openapi.ts';
import { toRequest } from './twilio-world.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

function toFault(behaviour: VendorBehaviour): TwilioFault | null {
  if (typeof behaviour === 'object') {
    const retryAfterSeconds = Math.ceil(behaviour.throttleMs / 1000);
    return { kind: 'error', status: 429, code: 20429, message: 'Too Many Requests', retryAfterSeconds };
  }
  switch (behaviour) {
    case 'accept':
      return null;
    case 'reject':
      return { kind: 'error', status: 400, code: 21211, message: "The 'To' number is not a valid phone number." };
    case 'opted_out':
      return { kind: 'error', status: 400, code: 21610, message: 'Attempt to send to unsubscribed recipient' };
    case 'throttle':
      return { kind: 'error', status: 429, code: 20429, message: 'Too Many Requests' };
    case 'server_error':
      return { kind: 'error', status: 500, code: 20500, message: 'Internal Server Error' };
    case 'wrong_credentials':
      return { kind: 'error', status: 401, code: 20003, message: 'Authenticate' };
    case 'hang':
      return { kind: 'hang' };
    case 'cut_after_request':
      return { kind: 'cut' };
  }
}

/** Starts the simulated Twilio as a vendor of the contract suite. */
export async function startTwilioVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  // Twilio redirects to a storage on another host, which refuses its credentials.
  const storage = express();
  const storageApi = await listen(storage);
  const violations: string[] = [];
  let requestCount = 0;
  // The suite posts each webhook itself, so that those of the simulator lead to no server.
  const http = Object.assign(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }), {
    post: async () => ({ status: 200, data: '', headers: {} }) as never,
  });
  const twilio = createTwilio({
    ...{ clock: systemClock, random: randomBytes, http, url: () => url, storageUrl: () => storageApi.url },
    onCall(call) {
      violations.push(...checkCall(call));
      if (call.method === 'POST' && call.path.endsWith('/Messages.json')) requestCount += 1;
    },
  });
  app.use(twilio.router);
  storage.use(twilio.router);
  const { account } = twilio.state;
  const from = twilio.state.numbers[0]?.phoneNumber ?? '';
  const config = { accountSid: account.sid, authToken: account.authToken, from, baseUrl: url };
  const wrongToken = randomBytes(16).toString('hex');
  const toWebhook = (webhookUrl: string, path: string, fields: Record<string, string>): WebhookRequest =>
    toRequest(twilio.sign(`${webhookUrl}/${path}`, fields), webhookUrl);

  return {
    name: 'twilio',
    channel: createTwilioChannel({ allowPrivateTargets: true }),
    config,
    secrets: [account.authToken, toAuthorization({ username: account.sid, password: account.authToken }).replace('Basic ', '')],
    wrongConfig: { ...config, authToken: wrongToken },
    has: {
      ...{ receipts: true, read: true, lookUp: true, attachments: true, optOuts: true },
      ...{ throttleTime: true, authenticatedMedia: true },
    },
    behave: (next) => twilio.setFault(toFault(next)),
    listSends: () =>
      twilio.state.messages
        .filter(({ direction }) => direction === 'outbound-api')
        .map(({ sid, to, body, mediaUrls }) => ({ externalId: sid, to, text: body, attachments: mediaUrls })),
    countRequests: () => requestCount,
    violations,
    receipt(webhookUrl, send, messageId, state) {
      const status = state === 'failed' ? 'undelivered' : state;
      return toWebhook(webhookUrl, `status/${messageId}`, {
        ...{ MessageSid: send.externalId, SmsSid: send.externalId, AccountSid: account.sid, From: from, To: send.to },
        ...{ MessageStatus: status, SmsStatus: status, ApiVersion: '2010-04-01' },
        ...(state === 'failed' ? { ErrorCode: '30003' } : {}),
      });
    },
    inbound(webhookUrl, { externalId, picture, ...rest }) {
      const inbound = { ...rest, to: from, sid: externalId, media: picture ? [picture] : [] };
      return toRequest(twilio.signInbound(`${webhookUrl}/inbound`, inbound), webhookUrl);
    },
    optOut(webhookUrl, contact, optedOut) {
      const inbound = { from: contact, to: from, text: optedOut ? 'STOP' : 'START' };
      return toRequest(twilio.signInbound(`${webhookUrl}/inbound`, inbound), webhookUrl);
    },
    forge: (request) => ({
      ...request,
      headers: { ...request.headers, 'x-twilio-signature': Buffer.alloc(20, 1).toString('base64') },
    }),
    async close() {
      await Promise.all([close(), storageApi.close()]);
    },
  };
}
