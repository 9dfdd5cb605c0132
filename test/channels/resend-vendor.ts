import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createResendChannel } from '../../src/channels/resend/resend.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { findAddress } from '../../src/sandbox/vendors/resend/rules.ts';
import type { SimEmail } from '../../src/sandbox/vendors/resend/state.ts';
import type { SignedWebhook } from '../../src/sandbox/vendors/resend/webhooks.ts';
import { createResend, type ResendFault } from '../../src/sandbox/vendors/resend.ts';
import { listen } from '../support/http.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

function toFault(behaviour: VendorBehaviour): ResendFault | null {
  if (typeof behaviour === 'object') {
    const retryAfterSeconds = Math.ceil(behaviour.throttleMs / 1000);
    return { kind: 'error', status: 429, name: 'rate_limit_exceeded', retryAfterSeconds };
  }
  switch (behaviour) {
    case 'accept':
    case 'opted_out':
      return null;
    case 'reject':
      return { kind: 'error', status: 422, name: 'validation_error', message: 'Invalid `to` field.' };
    case 'throttle':
      return { kind: 'error', status: 429, name: 'rate_limit_exceeded' };
    case 'server_error':
      return { kind: 'error', status: 500, name: 'internal_server_error' };
    case 'wrong_credentials':
      return { kind: 'error', status: 403, name: 'invalid_api_key', message: 'API key is invalid.' };
    case 'hang':
      return { kind: 'hang' };
    case 'cut_after_request':
      return { kind: 'cut' };
  }
}

/** Converts a webhook of the simulator to what a channel receives. */
export function toEventRequest({ headers, body }: SignedWebhook): WebhookRequest {
  return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
}

/** Starts the simulated Resend as a vendor of the contract suite. */
export async function startResendVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  let requestCount = 0;
  // The suite posts each webhook itself, so that those of the simulator lead to no server.
  const http = Object.assign(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }), {
    post: async () => ({ status: 200, data: '', headers: {} }) as never,
  });
  const resend = createResend({
    ...{ clock: systemClock, random: randomBytes, http, url: () => url },
    onSend() {
      requestCount += 1;
    },
  });
  app.use(resend.router);
  const { account, webhooks } = resend.state;
  const own = 'hello@harbour.example';
  const webhookSecret = webhooks[0]?.secret ?? '';
  const config = { apiKey: account.apiKey, from: `Harbour Dental <${own}>`, webhookSecret, baseUrl: url };

  return {
    name: 'resend',
    messageType: 'email',
    contact: 'maya@example.com',
    channel: createResendChannel({ allowPrivateTargets: true }),
    config,
    secrets: [account.apiKey, webhookSecret],
    wrongConfig: { ...config, apiKey: `re_${'0'.repeat(32)}` },
    has: {
      ...{ receipts: true, read: false, lookUp: false, attachments: true, throttleTime: true, authenticatedMedia: true },
      // Resend accepts an email to a contact who has complained, and reports it as suppressed afterwards.
      optOuts: false,
    },
    behave: (next) => resend.setFault(toFault(next)),
    listSends: () =>
      resend.state.emails.map(({ id, to, text, files }) => ({
        ...{ externalId: id, to: findAddress(to[0] ?? '') ?? '', text: text ?? '' },
        attachments: files.map(({ name }) => name),
      })),
    countRequests: () => requestCount,
    violations: resend.mistakes,
    receipt(_webhookUrl, send, _messageId, state) {
      const email = resend.state.emails.find(({ id }) => id === send.externalId) as SimEmail;
      const bounce = { type: 'Permanent', subType: 'General', message: 'The address does not exist.' };
      return toEventRequest(
        state === 'failed'
          ? resend.signSent(email, 'bounced', { bounce })
          : resend.signSent(email, state === 'read' ? 'opened' : state),
      );
    },
    inbound(_webhookUrl, { externalId, picture, ...rest }) {
      const files = picture ? [{ name: 'picture.png', ...picture }] : [];
      return toEventRequest(resend.signReceived({ ...rest, to: own, messageId: externalId, files }));
    },
    optOut: (_webhookUrl, contact, optedOut) =>
      toEventRequest(resend.signReceived({ from: contact, to: own, text: optedOut ? 'STOP' : 'START' })),
    forge: (request) => ({
      ...request,
      headers: { ...request.headers, 'svix-signature': `v1,${Buffer.alloc(32, 1).toString('base64')}` },
    }),
    close,
  };
}
