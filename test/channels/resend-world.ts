import { randomBytes } from 'node:crypto';
import express from 'express';
import type { ChannelContext, OutboundMessage, WebhookRequest } from '../../src/channels/channel.ts';
import { createResendConfigSchema, type ResendConfig } from '../../src/channels/resend/config.ts';
import { createResendChannel } from '../../src/channels/resend/resend.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import type { SendBody } from '../../src/sandbox/vendors/resend/rules.ts';
import { createResend, type ResendFault } from '../../src/sandbox/vendors/resend.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { mailMessage } from './mailgun-world.ts';

export type ResendWorld = Awaited<ReturnType<typeof startResendWorld>>;

/** Starts a simulated Resend and a channel for it. It checks itself when it ends: no request broke Resend's description. */
export async function startResendWorld() {
  const world = createChannelWorld();
  const app = express();
  const api = await listen(app);
  const posts: WebhookRequest[] = [];
  // The program's address is no server here: webhooks are kept.
  const post = async (_url: string, body: Buffer, { headers }: { headers: Record<string, string> }) => {
    posts.push({ method: 'POST', path: 'webhook', query: new URLSearchParams(), headers, body });
    return { status: 200, data: '', headers: {} } as never;
  };
  const http = Object.assign(Object.create(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true })), { post });
  let pickFault: (body: SendBody) => ResendFault | null = () => null;
  const resend = createResend({
    ...{ clock: world.clock, random: randomBytes, http, url: () => api.url },
    pickFault: (body) => pickFault(body),
  });
  app.use(resend.router);
  const webhook = resend.state.webhooks[0] as (typeof resend.state.webhooks)[0];
  const defaults = {
    ...{ apiKey: resend.state.account.apiKey, from: 'Harbour Dental <hello@harbour.example>', baseUrl: api.url },
    webhookSecret: webhook.secret,
  };
  const schema = createResendConfigSchema(true);
  const channel = createResendChannel({ allowPrivateTargets: true });

  function createContext(config: Partial<ResendConfig> = {}, webhookUrl = world.webhookUrl): ChannelContext<ResendConfig> {
    const context = world.createContext(schema.parse({ ...defaults, ...config })) as ChannelContext<ResendConfig>;
    return { ...context, connection: { ...context.connection, webhookUrl } };
  }

  return {
    ...{ ...world, resend, channel, webhook, posts, createContext },
    pickFault(pick: typeof pickFault) {
      pickFault = pick;
    },
    send: (changes: Partial<OutboundMessage> = {}, config: Partial<ResendConfig> = {}) =>
      world.settle(channel.send(createContext(config), { ...mailMessage, ...changes })),
    async receive(request: WebhookRequest, config: Partial<ResendConfig> = {}) {
      const result = channel.webhooks?.receive(createContext(config), request);
      return (await world.settle(Promise.resolve(result)))?.events ?? [];
    },
    async [Symbol.asyncDispose]() {
      world.close();
      await api.close();
      expect(resend.mistakes).toEqual([]);
    },
  };
}
