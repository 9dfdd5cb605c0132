import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import express from 'express';
import type { ChannelEvent, OutboundMessage } from '../../src/channels/channel.ts';
import type { WhatsAppConfig, WhatsAppContext } from '../../src/channels/whatsapp-cloud/config.ts';
import { createWhatsAppCloudChannel } from '../../src/channels/whatsapp-cloud/whatsapp-cloud.ts';
import { systemClock } from '../../src/core/clock.ts';
import { isAppError } from '../../src/core/errors.ts';
import { createFileFetcher, fetchAttachment } from '../../src/runtime/fetch-file.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createWhatsAppVendor, type VendorRequest } from '../../src/sandbox/vendors/whatsapp-cloud.ts';
import { noSockets } from '../support/channel-context.ts';
import { listen } from '../support/http.ts';
import { createDescriptionCheck } from './whatsapp-cloud-description.ts';

export const verifyToken = 'patchbay-verify-token';

/** A clock that runs, and that a test can put ahead. */
function createMovableClock() {
  let aheadMs = 0;
  return {
    ...systemClock,
    now: () => systemClock.now() + aheadMs,
    advance(ms: number) {
      aheadMs += ms;
    },
  };
}

export type WhatsAppWorld = Awaited<ReturnType<typeof startWhatsAppWorld>>;

/** Starts a simulated Meta, a server of files, and a channel with one connection whose webhooks arrive at the channel. */
export async function startWhatsAppWorld(options: { hasPairLimit?: boolean; config?: Partial<WhatsAppConfig> } = {}) {
  const clock = createMovableClock();
  const http = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const requests: VendorRequest[] = [];
  const violations: string[] = [];
  const checkRequest = createDescriptionCheck();
  const app = express();
  const { url, close } = await listen(app);
  const vendor = createWhatsAppVendor({
    clock,
    random: randomBytes,
    http,
    getUrl: () => `${url}/graph`,
    hasPairLimit: options.hasPairLimit ?? false,
    onRequest(request) {
      requests.push(request);
      violations.push(...checkRequest(request));
    },
  });
  const files = new Map<string, { data: Buffer; type: string; status: number }>();
  app.get('/files/:name', ({ params: { name } }, response) => {
    const file = files.get(name);
    if (!file) return void response.status(404).end();
    response.status(file.status).type(file.type).end(file.data);
  });

  app.use('/graph', vendor.router);
  const channel = createWhatsAppCloudChannel({ allowPrivateTargets: true });
  const { phoneNumberId, accountId, accessToken, appSecret } = vendor.state.business;
  const config = channel.configSchema.parse({
    ...{ phoneNumberId, businessAccountId: accountId, accessToken, appSecret, verifyToken },
    ...{ baseUrl: `${url}/graph`, ...options.config },
  }) as WhatsAppConfig;
  const folder = mkdtempSync(join(tmpdir(), 'whatsapp-'));
  const fetchFile = createFileFetcher({
    ...{ http, clock, newId: randomUUID, folder, maxBytes: 20 * 1024 * 1024 },
    hasRoom: async () => true,
  });
  let state: unknown = null;
  const logged: { fields: unknown; message: string }[] = [];
  const log = (fields: unknown, message = '') => void logged.push({ fields, message });
  const context: WhatsAppContext = {
    connection: { id: randomUUID(), config, webhookUrl: `${url}/channels/1` },
    http,
    fetchBytes: (address) => fetchAttachment(fetchFile, address),
    fetchFile: (address, headers) => fetchFile(address, undefined, headers),
    ...noSockets,
    state: {
      get: async <T>() => state as T | null,
      async set(value: unknown) {
        state = value;
      },
    },
    clock,
    log: { warn: log, debug: log, info: log, error: log } as unknown as WhatsAppContext['log'],
    signal: new AbortController().signal,
  };

  const events: ChannelEvent[] = [];
  app.all('/channels/1/webhook', express.raw({ type: () => true, limit: '4mb' }), async (request, response) => {
    try {
      const result = await channel.webhooks?.receive(context, {
        method: request.method as 'GET' | 'POST',
        path: 'webhook',
        query: new URL(request.url, url).searchParams,
        headers: request.headers,
        body: Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
      });
      events.push(...(result?.events ?? []));
      const reply = typeof result?.response === 'function' ? result.response('stored', []) : result?.response;
      response.status(reply?.status ?? 200).end(reply?.body);
    } catch (error) {
      response.status(isAppError(error) ? error.status : 500).end();
    }
  });

  return {
    url,
    app,
    clock,
    vendor,
    channel,
    config,
    context,
    events,
    requests,
    violations,
    logged,
    /** Returns the context with other fields of the config. */
    withConfig: (changes: Partial<WhatsAppConfig>): WhatsAppContext => ({
      ...context,
      connection: { ...context.connection, config: { ...config, ...changes } },
    }),
    send: (message: Partial<OutboundMessage>, given: WhatsAppContext = context) =>
      channel.send(given, createMessage({ lastInboundAt: new Date(clock.now() - 60_000), ...message })),
    listSendBodies: () => requests.filter(({ operation }) => operation === 'send').map(({ body }) => body),
    serveFile(name: string, data: Buffer, type: string, status = 200): string {
      files.set(name, { data, type, status });
      return `${url}/files/${name}`;
    },
    async [Symbol.asyncDispose]() {
      vendor.close();
      await close();
      rmSync(folder, { recursive: true });
      if (violations.length > 0) throw new Error(`Requests deviate from Meta’s description:\n${violations.join('\n')}`);
    },
  };
}

/** Creates an outbound message. */
export function createMessage(message: Partial<OutboundMessage> = {}): OutboundMessage {
  const id = randomUUID();
  return {
    ...{ id, idempotencyKey: id, locationId: 'L', contactId: 'C', conversationId: null, messageType: 'sms' },
    ...{ to: '+16505551234', vendorAddress: null, from: null, text: 'hi', html: null, subject: null, attachments: [] },
    ...{ replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
    ...message,
  };
}

/** Waits for a condition. */
export async function waitFor<Value>(find: () => Value | undefined | false | null): Promise<Value> {
  for (let tries = 0; tries < 400; tries++) {
    const found = find();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  throw new Error('The condition was not met in time.');
}
