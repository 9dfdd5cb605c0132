import { randomBytes, randomUUID } from 'node:crypto';
import express, { type Router } from 'express';
import type { Channel, ChannelEvent, InboundContent, OutboundMessage, ReceiptContent } from '../../src/channels/channel.ts';
import { createEvolutionChannel } from '../../src/channels/evolution/evolution.ts';
import { createWahaChannel } from '../../src/channels/waha/waha.ts';
import { isAppError } from '../../src/core/errors.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createEvolutionVendor } from '../../src/sandbox/vendors/evolution.ts';
import { createWahaVendor, type WebRequest } from '../../src/sandbox/vendors/waha.ts';
import { createChannelWorld } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';
import { message } from './contract.ts';
import { checkEvolutionRequest } from './evolution-description.ts';
import { checkWahaRequest } from './waha-description.ts';

/** A simulated server with its channel and one connection, whose webhooks arrive at the channel. */
async function startWebWorld<Vendor extends { router: Router; close(): void }>(options: {
  channel: Channel;
  check: (request: WebRequest) => string[];
  createVendor: (shared: {
    clock: ReturnType<typeof createTestClock>;
    random: typeof randomBytes;
    http: ReturnType<typeof createHttpClient>;
    getUrl: () => string;
    onRequest: (request: WebRequest) => void;
  }) => Vendor;
  toConfig: (vendor: Vendor, url: string) => object;
}) {
  const { channel } = options;
  const clock = createTestClock('2026-06-01T10:00:00Z');
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const requests: WebRequest[] = [];
  const violations: string[] = [];
  const app = express();
  const { url, close } = await listen(app);
  const vendor = options.createVendor({
    ...{ clock, http, random: randomBytes, getUrl: () => `${url}/server` },
    onRequest(request) {
      requests.push(request);
      violations.push(...options.check(request));
    },
  });
  app.use('/server', vendor.router);
  const webhookUrl = `${url}/channels/c`;
  const world = createChannelWorld({ clock, webhookUrl });
  const defaults = options.toConfig(vendor, `${url}/server`);
  const createContext = (config: object = {}, signal?: AbortSignal) =>
    world.createContext(channel.configSchema.parse({ ...defaults, ...config }), signal);
  const context = createContext();

  const events: ChannelEvent[] = [];
  app.post('/channels/c/*path', express.raw({ type: () => true, limit: '9mb' }), async (request, response) => {
    try {
      const result = await channel.webhooks?.receive(context, {
        ...{ method: 'POST', path: request.path.slice('/channels/c/'.length), query: new URLSearchParams() },
        ...{ headers: request.headers, body: request.body },
      });
      events.push(...(result?.events ?? []));
      response.end();
    } catch (error) {
      response.status(isAppError(error) ? error.status : 500).end();
    }
  });

  const createMessage = (changes: Partial<OutboundMessage> = {}): OutboundMessage => {
    const id = randomUUID();
    return { ...message, id, idempotencyKey: id, ...changes };
  };
  return {
    ...{
      channel,
      clock,
      vendor,
      context,
      createContext,
      events,
      requests,
      webhookUrl,
      log: world.logLines,
      state: context.state,
    },
    send: (changes: Partial<OutboundMessage> = {}, given = context) =>
      world.settle(channel.send(given, createMessage(changes))),
    settle: world.settle,
    /** Moves the clock until the server's events have arrived. */
    async waitFor<Value>(find: () => Value | undefined | false | null): Promise<Value> {
      for (let tries = 0; tries < 400; tries++) {
        const found = find();
        if (found) return found;
        await clock.tick(20);
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error('The condition was not met in time.');
    },
    /** Posts an event as the server does. */
    async receive(body: object, headers: Record<string, string>, path = 'webhook'): Promise<readonly ChannelEvent[]> {
      const request = { method: 'POST' as const, path, query: new URLSearchParams(), headers };
      const result = channel.webhooks?.receive(context, { ...request, body: Buffer.from(JSON.stringify(body)) });
      return (await world.settle(Promise.resolve(result)))?.events ?? [];
    },
    listBodies: (operation: string) => requests.filter((one) => one.operation === operation).map(({ body }) => body),
    async [Symbol.asyncDispose]() {
      vendor.close();
      await close();
      world.close();
      if (violations.length > 0) throw new Error(`Requests deviate from the description:\n${violations.join('\n')}`);
    },
  };
}

export const hmacKey = 'key-of-the-hmac';
export const webhookSecret = 'secret-of-the-webhooks';

/** Starts a simulated WAHA server. */
export function startWahaWorld() {
  return startWebWorld({
    channel: createWahaChannel({ allowPrivateTargets: true }),
    check: checkWahaRequest,
    createVendor: createWahaVendor,
    toConfig: ({ state }, baseUrl) => ({ baseUrl, apiKey: state.apiKey, session: state.session, hmacKey }),
  });
}

/** Starts a simulated Evolution API server. */
export function startEvolutionWorld() {
  return startWebWorld({
    channel: createEvolutionChannel({ allowPrivateTargets: true }),
    check: checkEvolutionRequest,
    createVendor: createEvolutionVendor,
    toConfig: ({ state }, baseUrl) => ({ baseUrl, apiKey: state.apiKey, instance: state.instance, webhookSecret }),
  });
}

/** Returns the receipts among events. */
export const listReceipts = (events: readonly ChannelEvent[]): ReceiptContent[] =>
  events.flatMap((event) => (event.kind === 'receipt' ? [event.receipt] : []));

/** Returns the messages among events. */
export const listInbound = (events: readonly ChannelEvent[]): InboundContent[] =>
  events.flatMap((event) => (event.kind === 'inbound' ? [event.inbound] : []));
