import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import type { ChannelContext, OutboundMessage, WebhookRequest } from '../../src/channels/channel.ts';
import { createTwilioConfigSchema, type TwilioConfig } from '../../src/channels/twilio/config.ts';
import { createTwilioChannel } from '../../src/channels/twilio/twilio.ts';
import { createIdGenerator, systemRandom } from '../../src/core/ids.ts';
import { createFileFetcher } from '../../src/runtime/fetch-file.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { ApiCall } from '../../src/sandbox/vendors/twilio/api.ts';
import type { SignedWebhook } from '../../src/sandbox/vendors/twilio/callbacks.ts';
import { createTwilio } from '../../src/sandbox/vendors/twilio.ts';
import { noSockets } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';
import { checkCall } from './twilio-openapi.ts';

export const webhookUrl = 'https://patchbay.example/channels/0191d4e0-0000-7000-8000-00000000000c';

export const message: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001-1',
  ...{ locationId: 'loc', contactId: 'contact', conversationId: null, messageType: 'sms' },
  ...{ to: '+12025550143', vendorAddress: null, from: null, text: 'hello', html: null, subject: null },
  ...{ attachments: [], replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};

const schema = createTwilioConfigSchema(true);

export type TwilioWorld = Awaited<ReturnType<typeof startTwilioWorld>>;

/** Starts a simulated Twilio and a channel for it. It checks itself when it ends: no request broke Twilio's own description. */
export async function startTwilioWorld() {
  const clock = createTestClock('2026-03-01T10:00:00Z');
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const calls: ApiCall[] = [];
  const app = express();
  const api = await listen(app);
  const storage = express();
  const storageApi = await listen(storage);
  // The program's address is no server here.
  const post: typeof http.post = (url, body, config) =>
    url.startsWith('https:') ? Promise.resolve({ status: 200, data: '', headers: {} } as never) : http.post(url, body, config);
  const webhookHttp: typeof http = Object.assign(Object.create(http), { post });
  const twilio = createTwilio({
    ...{ clock, random: randomBytes, http: webhookHttp, url: () => api.url, storageUrl: () => storageApi.url },
    onCall: (call) => calls.push(call),
  });
  storage.use(twilio.router);
  app.use(twilio.router);
  const folder = mkdtempSync(join(tmpdir(), 'twilio-'));
  const newId = createIdGenerator(clock, systemRandom);
  const fetchFile = createFileFetcher({ http, clock, newId, folder, maxBytes: 1_000_000, hasRoom: async () => true });
  const { account, numbers, services, channelSenders, apiKeys } = twilio.state;
  const defaults = { accountSid: account.sid, authToken: account.authToken, baseUrl: api.url };
  const from = numbers[0]?.phoneNumber ?? '';
  const channel = createTwilioChannel({ allowPrivateTargets: true });

  return {
    ...{ twilio, clock, calls, channel, http, account, from, apiUrl: api.url, storageUrl: storageApi.url, webhookUrl },
    service: services[0] as NonNullable<(typeof services)[0]>,
    whatsApp: channelSenders[0]?.address ?? '',
    apiKey: apiKeys[0] as NonNullable<(typeof apiKeys)[0]>,
    /** Creates the context of a connection. */
    createContext(config: Partial<TwilioConfig> = {}, more: Partial<ChannelContext<TwilioConfig>['connection']> = {}) {
      const sender = config.from === undefined && config.messagingServiceSid === undefined ? { from } : {};
      const context: ChannelContext<TwilioConfig> = {
        connection: { id: 'c', config: schema.parse({ ...defaults, ...sender, ...config }), webhookUrl, ...more },
        ...{ http, clock, log: createLog('silent'), signal: new AbortController().signal },
        fetchBytes: () => Promise.reject(new Error('This channel takes addresses.')),
        fetchFile: (url, headers) => fetchFile(url, undefined, headers),
        ...noSockets,
        state: { get: async () => null, set: async () => undefined },
      };
      return context;
    },
    listForms: () => calls.filter(({ method }) => method === 'POST').map(({ form }) => form),
    async [Symbol.asyncDispose]() {
      rmSync(folder, { recursive: true, force: true });
      await Promise.all([api.close(), storageApi.close()]);
      expect(calls.flatMap(checkCall)).toEqual([]);
    },
  };
}

/** Converts a webhook of the simulator to what a channel receives. */
export function toRequest({ url, headers, body }: SignedWebhook, base = webhookUrl): WebhookRequest {
  const { search } = new URL(url);
  const path = url.slice(base.length + 1).replace(/\?.*$/, '');
  return { method: 'POST', path, query: new URLSearchParams(search), headers, body: Buffer.from(body) };
}
