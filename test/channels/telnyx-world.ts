import { randomBytes } from 'node:crypto';
import express from 'express';
import type { ChannelContext, OutboundMessage, WebhookRequest } from '../../src/channels/channel.ts';
import { createTelnyxConfigSchema, type TelnyxConfig } from '../../src/channels/telnyx/config.ts';
import { createTelnyxChannel } from '../../src/channels/telnyx/telnyx.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { ApiCall } from '../../src/sandbox/vendors/telnyx/api.ts';
import type { SimMessage, SimProfile } from '../../src/sandbox/vendors/telnyx/state.ts';
import { createTelnyx, type SignedWebhook } from '../../src/sandbox/vendors/telnyx.ts';
import { noSockets } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';
import { checkCall, checkWebhook } from './telnyx-fields.ts';

export const webhookUrl = 'https://patchbay.example/channels/0191d4e0-0000-7000-8000-00000000000c';

export const message: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001',
  ...{ locationId: 'loc', contactId: 'contact', conversationId: null, messageType: 'sms' },
  ...{ to: '+12025550143', vendorAddress: null, from: null, text: 'hello', html: null, subject: null },
  ...{ attachments: [], replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};

const schema = createTelnyxConfigSchema(true);

export type TelnyxWorld = Awaited<ReturnType<typeof startTelnyxWorld>>;

/** Starts a simulated Telnyx and a channel for it. It checks itself when it ends: requests and webhooks fit the field table. */
export async function startTelnyxWorld() {
  const clock = createTestClock('2026-03-01T10:00:00Z');
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const calls: ApiCall[] = [];
  const webhooks: SignedWebhook[] = [];
  const app = express();
  const api = await listen(app);
  // The program's address is no server here.
  const post: typeof http.post = () => Promise.resolve({ status: 200, data: '', headers: {} } as never);
  const telnyx = createTelnyx({
    ...{ clock, random: randomBytes, http: Object.assign(Object.create(http), { post }), url: () => api.url },
    onCall: (call) => calls.push(call),
    onWebhook: (webhook) => webhooks.push(webhook),
  });
  app.use(telnyx.router);
  const { account, numbers, profiles } = telnyx.state;
  const from = numbers[0]?.phoneNumber ?? '';
  const defaults = { apiKey: account.apiKey, publicKey: account.publicKey, baseUrl: api.url };
  const channel = createTelnyxChannel({ allowPrivateTargets: true });

  return {
    ...{ telnyx, clock, calls, webhooks, channel, account, from, profile: profiles[0] as SimProfile },
    /** Creates the context of a connection. */
    createContext(config: Partial<TelnyxConfig> = {}, more: Partial<ChannelContext<TelnyxConfig>['connection']> = {}) {
      const sender = config.from === undefined && config.messagingProfileId === undefined ? { from } : {};
      const context: ChannelContext<TelnyxConfig> = {
        connection: { id: 'c', config: schema.parse({ ...defaults, ...sender, ...config }), webhookUrl, ...more },
        ...{ http, clock, log: createLog('silent'), signal: new AbortController().signal },
        fetchBytes: () => Promise.reject(new Error('This channel takes addresses.')),
        fetchFile: () => Promise.reject(new Error('unused')),
        ...noSockets,
        state: { get: async () => null, set: async () => undefined },
      };
      return context;
    },
    listBodies: () => calls.filter(({ method }) => method === 'POST').map(({ body }) => body as Record<string, unknown>),
    getLast: () => telnyx.state.messages.at(-1) as SimMessage,
    /** Passes a webhook to the channel, and checks it with the field table. */
    async receive(webhook: SignedWebhook, config: Partial<TelnyxConfig> = {}) {
      webhooks.push(webhook);
      const result = await channel.webhooks?.receive(this.createContext(config), toRequest(webhook));
      return result?.events ?? [];
    },
    async [Symbol.asyncDispose]() {
      await api.close();
      expect(calls.flatMap(checkCall)).toEqual([]);
      expect(webhooks.flatMap(checkWebhook)).toEqual([]);
    },
  };
}

/** Converts a webhook of the simulator to what a channel receives. */
export function toRequest({ url, headers, body }: SignedWebhook, base = webhookUrl): WebhookRequest {
  const path = url.slice(base.length + 1);
  return { method: 'POST', path, query: new URLSearchParams(), headers, body: Buffer.from(body) };
}
