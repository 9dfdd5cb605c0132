import { randomBytes } from 'node:crypto';
import express from 'express';
import type { ChannelEvent, OutboundMessage } from '../../src/channels/channel.ts';
import type { TelegramConfig, TelegramContext } from '../../src/channels/telegram/config.ts';
import { createTelegramChannel } from '../../src/channels/telegram/telegram.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isAppError } from '../../src/core/errors.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createTelegramVendor, type TelegramRequest } from '../../src/sandbox/vendors/telegram.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { message } from './contract.ts';
import { checkRequest, checkUpdate } from './telegram-description.ts';

export const phone = '+12025550143';

export type TelegramWorld = Awaited<ReturnType<typeof startTelegramWorld>>;

/** Starts a simulated Telegram, a server of files, and a channel with one connection whose updates arrive at the channel. */
export async function startTelegramWorld(changes: Partial<TelegramConfig> = {}) {
  const requests: TelegramRequest[] = [];
  const violations: string[] = [];
  const app = express();
  const { url, close } = await listen(app);
  const webhookUrl = `${url}/channels/0191d4e0-0000-7000-8000-00000000000c`;
  const world = createChannelWorld({ webhookUrl });
  const vendor = createTelegramVendor({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    onRequest(request) {
      requests.push(request);
      violations.push(...checkRequest(request));
    },
  });
  const files = new Map<string, { data: Buffer; type: string; status: number }>();
  app.get('/files/:name', ({ params: { name } }, response) => {
    const file = files.get(name);
    response
      .status(file?.status ?? 404)
      .type(file?.type ?? 'text')
      .end(file?.data);
  });
  app.use('/telegram', vendor.router);
  const channel = createTelegramChannel({ allowPrivateTargets: true });
  const config = { token: vendor.state.bot.token, baseUrl: `${url}/telegram`, ...changes };
  const context = world.createContext(channel.configSchema.parse(config)) as TelegramContext;
  const events: ChannelEvent[] = [];
  app.post('/channels/:id/webhook', express.raw({ type: () => true }), async (request, response) => {
    try {
      violations.push(...checkUpdate(JSON.parse(request.body.toString('utf8'))));
      const result = await channel.webhooks?.receive(context, {
        ...{ method: 'POST', path: 'webhook', query: new URLSearchParams(), headers: request.headers, body: request.body },
      });
      events.push(...(result?.events ?? []));
      const reply = typeof result?.response === 'function' ? result.response('stored', []) : result?.response;
      response.status(reply?.status ?? 200).end(reply?.body);
    } catch (error) {
      response.status(isAppError(error) ? error.status : 500).end();
    }
  });
  vendor.getPerson(phone).hasStarted = true;
  const chat = String(vendor.getPerson(phone).id);

  return {
    url,
    webhookUrl,
    vendor,
    channel,
    context,
    config,
    chat,
    events,
    requests,
    violations,
    logLines: world.logLines,
    /** Returns the external id of a message in the person's chat. */
    toId: (number: number) => `${vendor.state.bot.id}:${chat}:${number}`,
    send: (outbound: Partial<OutboundMessage> = {}, given: TelegramContext = context) =>
      channel.send(given, { ...message, to: `telegram:${chat}`, ...outbound }),
    withConfig: (given: Partial<TelegramConfig>) =>
      world.createContext(channel.configSchema.parse({ ...config, ...given })) as TelegramContext,
    serveFile(name: string, data: Buffer, type: string, status = 200): string {
      files.set(name, { data, type, status });
      return `${url}/files/${name}`;
    },
    /** Registers the webhook, so that the simulator posts updates. */
    register: (replace = false) => channel.setup?.registerWebhooks?.(context, replace),
    async waitForEvents(count: number): Promise<ChannelEvent[]> {
      const timeoutAt = performance.now() + 5_000;
      while (events.length < count && performance.now() < timeoutAt) await new Promise((done) => setTimeout(done, 5));
      expect(events).toHaveLength(count);
      return events;
    },
    async [Symbol.asyncDispose]() {
      vendor.close();
      await close();
      world.close();
      expect(violations).toEqual([]);
      expect(world.logLines.join('\n')).not.toContain(vendor.state.bot.token.split(':')[1]);
    },
  };
}
