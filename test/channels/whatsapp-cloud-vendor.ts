import { randomBytes } from 'node:crypto';
import express from 'express';
import type { WebhookRequest } from '../../src/channels/channel.ts';
import { createWhatsAppCloudChannel } from '../../src/channels/whatsapp-cloud/whatsapp-cloud.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { getPerson } from '../../src/sandbox/vendors/whatsapp-cloud/state.ts';
import { toMessageUpdate, toPreferenceUpdate, toStatusUpdate } from '../../src/sandbox/vendors/whatsapp-cloud/updates.ts';
import { signUpdates, type VendorUpdate } from '../../src/sandbox/vendors/whatsapp-cloud/webhooks.ts';
import { createWhatsAppVendor, type VendorFault, type VendorMessage } from '../../src/sandbox/vendors/whatsapp-cloud.ts';
import { listen } from '../support/http.ts';
import type { VendorBehaviour, VendorSend, VendorUnderTest } from './vendor-under-test.ts';
import { createDescriptionCheck } from './whatsapp-cloud-description.ts';
import { verifyToken } from './whatsapp-cloud-world.ts';

const faults: Partial<Record<string, VendorFault>> = {
  reject: { kind: 'error', code: 131026 },
  opted_out: { kind: 'error', code: 131050 },
  throttle: { kind: 'error', code: 130429, status: 429 },
  server_error: { kind: 'error', code: 131016, status: 500 },
  hang: { kind: 'hang' },
  cut_after_request: { kind: 'cut_after_accepting' },
  wrong_credentials: { kind: 'expired_token' },
};

/** Starts the simulated Meta for the suite that every channel passes. */
export async function startWhatsAppCloudVendor(): Promise<VendorUnderTest> {
  const app = express();
  const { url, close } = await listen(app);
  const violations: string[] = [];
  const checkRequest = createDescriptionCheck();
  let requestCount = 0;
  const vendor = createWhatsAppVendor({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    getUrl: () => url,
    onRequest(request) {
      if (request.operation === 'send') requestCount += 1;
      violations.push(...checkRequest(request));
    },
  });
  app.use(vendor.router);
  const { state } = vendor;
  const { phoneNumberId, accountId, accessToken, appSecret } = state.business;
  const config = { phoneNumberId, businessAccountId: accountId, accessToken, appSecret, verifyToken, baseUrl: url };

  function toRequest(update: VendorUpdate): WebhookRequest {
    const { body, signature } = signUpdates(state, [update]);
    const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
    return { method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body };
  }

  function toVendorMessage({ externalId, to, text }: VendorSend, messageId: string): VendorMessage {
    const known = state.messages.find(({ id }) => id === externalId);
    const { waId } = getPerson(state, to);
    return (
      known ?? {
        ...{ id: externalId, direction: 'outbound', waId, type: 'text', text, media: [], callbackData: `${messageId}:0/1` },
        ...{ replyTo: null, status: 'sent', at: systemClock.now() },
      }
    );
  }

  return {
    name: 'whatsapp_cloud',
    channel: createWhatsAppCloudChannel({ allowPrivateTargets: true }),
    config,
    secrets: [accessToken, appSecret, verifyToken],
    wrongConfig: { ...config, accessToken: `EAA${'0'.repeat(40)}` },
    has: {
      receipts: true,
      read: true,
      lookUp: false,
      attachments: true,
      optOuts: true,
      throttleTime: false,
      authenticatedMedia: true,
    },
    behave: (next: VendorBehaviour) => vendor.setFault(faults[typeof next === 'string' ? next : 'throttle'] ?? null),
    listSends: () =>
      state.messages
        .filter(({ direction }) => direction === 'outbound')
        .map(({ id, waId, text, media }) => ({
          externalId: id,
          to: `+${waId}`,
          text,
          attachments: media.map((one) => state.media[one]?.name ?? one),
        })),
    countRequests: () => requestCount,
    violations,
    receipt(_webhookUrl, send, messageId, receiptState) {
      const message = toVendorMessage(send, messageId);
      const error = receiptState === 'failed' ? { code: 131026 } : undefined;
      return toRequest(toStatusUpdate(state, message, getPerson(state, message.waId), receiptState, systemClock.now(), error));
    },
    inbound(_webhookUrl, { externalId, from, text, picture }) {
      const person = getPerson(state, from);
      person.lastInboundAt = systemClock.now();
      const media = picture && {
        type: 'image' as const,
        id: vendor.storeMedia(picture.data, picture.contentType, 'picture'),
      };
      return toRequest(toMessageUpdate(state, person, { id: externalId, at: systemClock.now(), text, media }));
    },
    optOut: (_webhookUrl, from, optedOut) =>
      toRequest(toPreferenceUpdate(state, getPerson(state, from), optedOut ? 'stop' : 'resume', systemClock.now())),
    forge: (request) => ({
      ...request,
      headers: { ...request.headers, 'x-hub-signature-256': `sha256=${'0'.repeat(64)}` },
    }),
    close() {
      vendor.close();
      return close();
    },
  };
}
