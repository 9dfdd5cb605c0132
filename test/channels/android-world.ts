import { randomBytes } from 'node:crypto';
import express from 'express';
import { createAndroidSmsGatewayChannel } from '../../src/channels/android-sms-gateway/android-sms-gateway.ts';
import { type AndroidConfig, createAndroidConfigSchema } from '../../src/channels/android-sms-gateway/config.ts';
import type { ChannelContext, OutboundMessage, WebhookRequest } from '../../src/channels/channel.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { ApiCall } from '../../src/sandbox/vendors/android-sms-gateway/api.ts';
import type { SimDevice, SimMessage } from '../../src/sandbox/vendors/android-sms-gateway/state.ts';
import { createAndroidSmsGateway, type SignedWebhook } from '../../src/sandbox/vendors/android-sms-gateway.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createTestClock, type TestClock } from '../support/test-clock.ts';
import { checkCall, checkWebhook } from './android-fields.ts';

export const webhookUrl = 'https://patchbay.example/channels/0191d4e0-0000-7000-8000-00000000000c';

export const message: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001',
  ...{ locationId: 'loc', contactId: 'contact', conversationId: null, messageType: 'sms' },
  ...{ to: '+12025550143', vendorAddress: null, from: null, text: 'hello', html: null, subject: null },
  ...{ attachments: [], replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};

const schema = createAndroidConfigSchema(true);

export type AndroidWorld = Awaited<ReturnType<typeof startAndroidWorld>>;

/** Starts a simulated SMS gateway with one phone and a channel for it. It checks itself when it ends: requests and webhooks fit the field table. */
export async function startAndroidWorld({
  clock = createTestClock('2026-03-01T10:00:00Z'),
  ...options
}: {
  clock?: TestClock;
  events?: readonly string[];
} = {}) {
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const calls: ApiCall[] = [];
  const webhooks: SignedWebhook[] = [];
  const app = express();
  const api = await listen(app);
  // The program's address is no server here.
  const post: typeof http.post = () => Promise.resolve({ status: 200, data: '', headers: {} } as never);
  const android = createAndroidSmsGateway({
    ...{ clock, random: randomBytes, http: Object.assign(Object.create(http), { post }), ...options },
    onCall: (call) => calls.push(call),
    onWebhook: (webhook) => webhooks.push(webhook),
  });
  app.use(android.router);
  const channel = createAndroidSmsGatewayChannel({ allowPrivateTargets: true });
  const world = createChannelWorld({ webhookUrl, clock });
  const device = android.state.devices[0] as SimDevice;
  const { account } = android.state;
  const { username, password, signingKey } = account;
  const defaults = { baseUrl: api.url, username, password, signingKey, deviceId: device.id };

  return {
    ...{ android, clock, calls, webhooks, channel, account, device, apiUrl: api.url },
    /** Creates the context of a connection. An undefined value removes a default one. */
    createContext(
      config: { [Field in keyof AndroidConfig]?: AndroidConfig[Field] | undefined } = {},
      more: Partial<ChannelContext<AndroidConfig>['connection']> = {},
    ) {
      const context = world.createContext(schema.parse({ ...defaults, ...config }));
      return { ...context, connection: { ...context.connection, ...more } } as ChannelContext<AndroidConfig>;
    },
    listBodies: () =>
      calls
        .filter(({ method, path }) => method === 'POST' && path === '/messages')
        .map(({ body }) => body as Record<string, unknown>),
    getLast: () => android.state.messages.at(-1) as SimMessage,
    /** Passes a webhook to the channel, and checks it with the field table. */
    async receive(webhook: SignedWebhook, config: Partial<AndroidConfig> = {}) {
      webhooks.push(webhook);
      return (await channel.webhooks?.receive(this.createContext(config), toRequest(webhook)))?.events ?? [];
    },
    async [Symbol.asyncDispose]() {
      world.close();
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
