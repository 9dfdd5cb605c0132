import { randomBytes } from 'node:crypto';
import express from 'express';
import type { ChannelContext, OutboundMessage, WebhookRequest } from '../../src/channels/channel.ts';
import { createMailgunConfigSchema, type MailgunConfig } from '../../src/channels/mailgun/config.ts';
import { createMailgunChannel } from '../../src/channels/mailgun/mailgun.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createMailgun } from '../../src/sandbox/vendors/mailgun.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';

export const mailMessage: OutboundMessage = {
  id: '01890000-0000-7000-8000-000000000001',
  idempotencyKey: '01890000-0000-7000-8000-000000000001',
  ...{ locationId: 'loc', contactId: 'contact', conversationId: null, messageType: 'email' },
  ...{ to: 'maya@example.com', vendorAddress: null, from: null, text: null, html: '<p>Hello <b>Maya</b></p>', subject: 'Hi' },
  ...{ attachments: [], replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};

export type MailgunWorld = Awaited<ReturnType<typeof startMailgunWorld>>;

/** Starts a simulated Mailgun and a channel for it. It checks itself when it ends: no request broke Mailgun's description. */
export async function startMailgunWorld() {
  const world = createChannelWorld();
  const app = express();
  const api = await listen(app);
  const posts: { url: string; request: WebhookRequest }[] = [];
  const statuses: number[] = [];
  // The program's address is no server here: webhooks are kept.
  const post = async (url: string, body: Buffer, { headers }: { headers: Record<string, string> }) => {
    const path = url.slice(url.lastIndexOf('/') + 1);
    posts.push({ url, request: { method: 'POST', path, query: new URLSearchParams(), headers, body } });
    return { status: statuses.shift() ?? 200, data: '', headers: {} } as never;
  };
  const http = Object.assign(Object.create(createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true })), { post });
  const mailgun = createMailgun({ clock: world.clock, random: randomBytes, http, url: () => api.url });
  app.use(mailgun.router);
  const { account, domains } = mailgun.state;
  const domain = domains[0] as (typeof domains)[0];
  const defaults = {
    ...{ apiKey: account.apiKey, domain: domain.name, from: `Harbour Dental <hello@${domain.name}>`, baseUrl: api.url },
    webhookSigningKey: account.signingKey,
  };
  const schema = createMailgunConfigSchema(true);
  const channel = createMailgunChannel({ allowPrivateTargets: true });

  function createContext(config: Partial<MailgunConfig> = {}, webhookUrl = world.webhookUrl): ChannelContext<MailgunConfig> {
    const context = world.createContext(schema.parse({ ...defaults, ...config })) as ChannelContext<MailgunConfig>;
    return { ...context, connection: { ...context.connection, webhookUrl } };
  }

  return {
    ...{ ...world, mailgun, channel, domain, posts, statuses, createContext, apiUrl: api.url },
    send: (changes: Partial<OutboundMessage> = {}, config: Partial<MailgunConfig> = {}) =>
      world.settle(channel.send(createContext(config), { ...mailMessage, ...changes })),
    async receive(request: WebhookRequest, config: Partial<MailgunConfig> = {}) {
      const result = await channel.webhooks?.receive(createContext(config), request);
      if (!result) throw new Error('This channel has no webhooks.');
      // The program calls it once the events are stored.
      return {
        events: result.events,
        response: typeof result.response === 'function' ? result.response('stored', []) : result.response,
      };
    },
    async [Symbol.asyncDispose]() {
      world.close();
      await api.close();
      expect(mailgun.mistakes).toEqual([]);
    },
  };
}
