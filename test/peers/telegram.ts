/**
 * Runs the Telegram channel against telegram-test-api, a Bot API server by others (MIT): `npm run test:peers`. It knows texts and webhooks, and
 * neither files nor secret tokens. It brings 90 packages, among them axios 0.27 and express 4.18, so it is no dependency: the script installs it
 * into node_modules/.cache, and needs a package registry the first time.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ChannelContext, ChannelEvent, OutboundMessage } from '../../src/channels/channel.ts';
import { callBotApi } from '../../src/channels/telegram/bot-api.ts';
import { createTelegramConfigSchema, type TelegramConfig } from '../../src/channels/telegram/config.ts';
import { createTelegramChannel } from '../../src/channels/telegram/telegram.ts';
import { deriveWebhookSecret } from '../../src/channels/telegram/webhook-secret.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { noSockets } from '../support/channel-context.ts';

const version = '4.2.1';
const folder = join(resolve(import.meta.dirname, '../..'), 'node_modules/.cache/patchbay/peers-telegram');
const entry = join(folder, 'node_modules/telegram-test-api/lib/index.js');

interface PeerClient {
  makeMessage(text: string): object;
  makeCommand(text: string): object;
  sendMessage(message: object): Promise<unknown>;
  sendCommand(message: object): Promise<unknown>;
  getUpdates(): Promise<{ result: { message: { text: string; chat_id: string } }[] }>;
}

interface PeerServer {
  config: { apiURL: string };
  start(): Promise<void>;
  stop(): Promise<boolean>;
  getClient(token: string, options: object): PeerClient;
}

function installPeer(): void {
  if (existsSync(entry)) return;
  mkdirSync(folder, { recursive: true });
  const flags = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', [...flags, `telegram-test-api@${version}`], { stdio: 'inherit' });
  if (status !== 0) throw new Error('telegram-test-api could not be installed.');
}

const token = `123456789:${'Aa0_-'.repeat(7)}`;
const chatId = 5_550_001_111;
const channel = createTelegramChannel({ allowPrivateTargets: true });
const message: OutboundMessage = {
  ...{ id: '01890000-0000-7000-8000-000000000001', idempotencyKey: 'x', locationId: 'l', contactId: null },
  ...{ conversationId: null, messageType: 'sms', to: `telegram:${chatId}`, vendorAddress: String(chatId), from: null },
  ...{ text: 'hello_*world* <b>', html: null, subject: null, attachments: [], replyToExternalId: null },
  ...{ lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};

function createContext(baseUrl: string, webhookUrl: string): ChannelContext<TelegramConfig> {
  let state: unknown = null;
  return {
    connection: { id: 'c', config: createTelegramConfigSchema(true).parse({ token, baseUrl }), webhookUrl },
    http: createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true }),
    ...{ clock: systemClock, log: createLog('silent'), signal: new AbortController().signal },
    ...{ fetchBytes: () => Promise.reject(new Error('unused')), fetchFile: () => Promise.reject(new Error('unused')) },
    ...noSockets,
    state: {
      get: async <T>() => state as T | null,
      async set(value) {
        state = value;
      },
    },
  };
}

const problems: string[] = [];
function check(claim: string, isTrue: boolean): void {
  console.log(`${isTrue ? 'ok    ' : 'FAILED'} ${claim}`);
  if (!isTrue) problems.push(claim);
}

async function findPort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return port;
}

installPeer();
const TelegramServer = createRequire(import.meta.url)(entry) as new (config: { port: number; host: string }) => PeerServer;
const peer = new TelegramServer({ port: await findPort(), host: '127.0.0.1' });
await peer.start();
const events: ChannelEvent[] = [];
const program = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  // The peer returns no secret: it is added here, so that the rest of the webhook is its own.
  const headers = { ...request.headers, 'x-telegram-bot-api-secret-token': deriveWebhookSecret(token, 'c') };
  const given = {
    method: 'POST',
    path: 'webhook',
    query: new URLSearchParams(),
    headers,
    body: Buffer.concat(chunks),
  } as const;
  const result = await channel.webhooks?.receive(context, given);
  events.push(...(result?.events ?? []));
  response.end();
});
await new Promise<void>((done) => program.listen(0, '127.0.0.1', done));
const webhookUrl = `http://127.0.0.1:${(program.address() as AddressInfo).port}`;
const context = createContext(peer.config.apiURL, webhookUrl);
const person = peer.getClient(token, { userId: chatId, chatId, firstName: 'Zoe', timeout: 3_000 });
try {
  const verified = await channel.setup?.verify(context);
  check('the bot of the token is found', verified?.kind === 'verified' && verified.account === '@TestNameBot');
  check('a link names the bot', (await channel.buildContactLink?.(context, 'p1')) === 'https://t.me/TestNameBot?start=p1');
  const sent = await channel.send(context, message);
  check('a message is accepted', sent.kind === 'accepted' && sent.externalIds[0]?.startsWith(`123456789:${chatId}:`) === true);
  const [received] = (await person.getUpdates()).result;
  check('it arrives unchanged', received?.message.text === message.text && Number(received.message.chat_id) === chatId);
  // The peer does not know getWebhookInfo, without which no webhook is replaced.
  const body = { url: `${webhookUrl}/webhook`, secret_token: deriveWebhookSecret(token, 'c'), allowed_updates: ['message'] };
  check('a webhook is registered', (await callBotApi(context, { method: 'setWebhook', body })).kind === 'ok');
  const registered = await channel.setup?.registerWebhooks?.(context, false);
  check('an unknown method is a failure to register, and no crash', registered?.kind === 'failed');
  await person.sendMessage(person.makeMessage('hi there'));
  await person.sendCommand(person.makeCommand('/start p1'));
  // The peer responds before it has posted an update.
  for (let tries = 0; events.length < 2 && tries < 100; tries++) await setTimeout(20);
  const [first, second] = events;
  check('a message is read', first?.kind === 'inbound' && first.inbound.text === 'hi there' && first.inbound.name === 'Zoe');
  check('a link that was opened is read', second?.kind === 'contact_link' && second.payload === 'p1');
} finally {
  program.closeAllConnections();
  program.close();
  await peer.stop();
}
console.log(`\n${problems.length === 0 ? 'All claims hold.' : `${problems.length} claims do not hold.`}`);
process.exit(problems.length > 0 ? 1 : 0);
