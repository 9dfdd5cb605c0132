import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { toAuthorization } from '../../src/channels/mailgun/api.ts';
import { createMailgunChannel } from '../../src/channels/mailgun/mailgun.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { findAddress } from '../../src/sandbox/vendors/mailgun/rules.ts';
import { createMailgun, type MailgunFault } from '../../src/sandbox/vendors/mailgun.ts';
import { listen } from '../support/http.ts';
import type { VendorBehaviour, VendorUnderTest } from './vendor-under-test.ts';

function toFault(behaviour: VendorBehaviour): MailgunFault | null {
  if (typeof behaviour === 'object') {
    const retryAfterSeconds = Math.ceil(behaviour.throttleMs / 1000);
    return { kind: 'error', status: 429, message: 'Too many requests', retryAfterSeconds };
  }
  switch (behaviour) {
    case 'accept':
    case 'opted_out':
      return null;
    case 'reject':
      return { kind: 'error', status: 400, message: "'to' parameter is not a valid address. please check documentation" };
    case 'throttle':
      return { kind: 'error', status: 429, message: 'Too many requests' };
    case 'server_error':
      return { kind: 'error', status: 500, message: 'Internal Server Error' };
    case 'wrong_credentials':
      return { kind: 'error', status: 401, html: 'Forbidden' };
    case 'hang':
      return { kind: 'hang' };
    case 'cut_after_request':
      return { kind: 'cut' };
  }
}

/** Converts a form to what a channel receives. */
export function toFormRequest(path: string, fields: Readonly<Record<string, string>>): WebhookRequest {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return {
    method: 'POST',
    path,
    query: new URLSearchParams(),
    headers,
    body: Buffer.from(new URLSearchParams(fields).toString()),
  };
}

/** Starts the simulated Mailgun as a vendor of the contract suite. */
export async function startMailgunVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  let requestCount = 0;
  // The suite posts each webhook itself, so that those of the simulator lead to no server.
  const http = Object.assign(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }), {
    post: async () => ({ status: 200, data: '', headers: {} }) as never,
  });
  const mailgun = createMailgun({
    ...{ clock: systemClock, random: randomBytes, http, url: () => url },
    onSend() {
      requestCount += 1;
    },
  });
  app.use(mailgun.router);
  const { account, domains } = mailgun.state;
  const domain = domains[0]?.name ?? '';
  const from = `Harbour Dental <hello@${domain}>`;
  const { apiKey, signingKey } = account;
  const config = { apiKey, domain, from, webhookSigningKey: signingKey, baseUrl: url };

  return {
    name: 'mailgun',
    messageType: 'email',
    contact: 'maya@example.com',
    channel: createMailgunChannel({ allowPrivateTargets: true }),
    config,
    secrets: [apiKey, signingKey, toAuthorization({ apiKey }).replace('Basic ', '')],
    wrongConfig: { ...config, apiKey: `${'0'.repeat(32)}-11111111-22222222` },
    has: {
      ...{ receipts: true, read: false, lookUp: true, attachments: true, throttleTime: true, authenticatedMedia: true },
      // Mailgun accepts an email to a contact who has unsubscribed, and reports it as failed afterwards.
      optOuts: false,
    },
    behave: (next) => mailgun.setFault(toFault(next)),
    listSends: () =>
      mailgun.state.messages.map(({ id, to, text, files }) => ({
        ...{ externalId: id, to: findAddress(to[0] ?? '') ?? '', text },
        attachments: files.map(({ name }) => name),
      })),
    countRequests: () => requestCount,
    violations: mailgun.mistakes,
    receipt(_webhookUrl, send, _messageId, state) {
      const fields =
        state === 'failed'
          ? { severity: 'permanent', reason: 'bounce', 'delivery-status': { code: 550, message: '5.1.1 No such user' } }
          : { 'delivery-status': { code: 250, message: 'OK' } };
      const { body, headers } = mailgun.signEvent({
        ...{ event: state === 'read' ? 'opened' : state, domain, messageId: send.externalId },
        fields: { recipient: send.to, ...fields },
      });
      return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
    },
    inbound(_webhookUrl, { externalId, picture, ...rest }) {
      const files = picture ? [{ name: 'picture.png', ...picture }] : [];
      return toFormRequest('inbound', mailgun.toStoredFields({ ...rest, to: `hello@${domain}`, messageId: externalId, files }));
    },
    optOut(_webhookUrl, contact, optedOut) {
      return toFormRequest(
        'inbound',
        mailgun.toStoredFields({ from: contact, to: `hello@${domain}`, text: optedOut ? 'STOP' : 'START' }),
      );
    },
    forge(request) {
      const body = request.body.toString('utf8');
      const forged =
        request.path === 'inbound'
          ? body.replace(/signature=[0-9a-f]+/, 'signature=00')
          : body.replace(/"signature":"[0-9a-f]+"/, '"signature":"00"');
      return { ...request, body: Buffer.from(forged) };
    },
    close,
  };
}
