/**
 * Sends the requests of the Twilio channel to Stoplight Prism, an independent program that validates them against Twilio's own description
 * (test/fixtures/twilio-openapi.json): `npm run test:peers`. Prism is 90 MB in 185 packages, so it is no dependency: the script installs it
 * into node_modules/.cache, and needs a package registry the first time.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { ChannelContext, OutboundMessage } from '../../src/channels/channel.ts';
import { requestTwilio } from '../../src/channels/twilio/api.ts';
import { createTwilioConfigSchema, type TwilioConfig } from '../../src/channels/twilio/config.ts';
import { retryTerms } from '../../src/channels/twilio/send.ts';
import { createTwilioChannel } from '../../src/channels/twilio/twilio.ts';
import { systemClock } from '../../src/core/clock.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { noSockets } from '../support/channel-context.ts';

const version = '5.14.2';
const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'node_modules/.cache/patchbay/peers');
const prism = join(folder, 'node_modules/@stoplight/prism-cli/dist/index.js');
const environment = { ...process.env, SCARF_ANALYTICS: 'false' };

function installPrism(): void {
  if (existsSync(prism)) return;
  mkdirSync(folder, { recursive: true });
  const flags = ['install', '--prefix', folder, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund'];
  const { status } = spawnSync('npm', [...flags, `@stoplight/prism-cli@${version}`], { stdio: 'inherit', env: environment });
  if (status !== 0) throw new Error('Prism could not be installed.');
}

async function findPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address ? address.port : 0;
}

const http = createHttpClient({ timeoutMs: 20_000, allowPrivateTargets: true });
/** Responses of Prism to each step: 401, 404, 415 and 422 are its words for a request that the description does not allow. */
const seen: { step: string; request: string; status: number; body: string }[] = [];
let step = '';
http.interceptors.response.use((response) => {
  const request = `${response.config.method?.toUpperCase()} ${response.config.url}`;
  seen.push({ step, request, status: response.status, body: String(response.data).slice(0, 600) });
  return response;
});

const message: OutboundMessage = {
  ...{
    id: '01890000-0000-7000-8000-000000000001',
    idempotencyKey: 'x',
    locationId: 'l',
    contactId: null,
    conversationId: null,
  },
  ...{
    messageType: 'sms',
    to: '+12025550143',
    vendorAddress: null,
    from: null,
    text: 'hello & goodbye',
    html: null,
    subject: null,
  },
  ...{ attachments: [], replyToExternalId: null, lastInboundAt: null, isOptedOutOfMarketing: false, acceptedParts: [] },
};
const id = (prefix: string) => prefix + '0a'.repeat(16);
const channel = createTwilioChannel({ allowPrivateTargets: true });

function createContext(baseUrl: string, config: object): ChannelContext<TwilioConfig> {
  const base = { accountSid: id('AC'), authToken: 'token', baseUrl };
  const parsed: TwilioConfig = createTwilioConfigSchema(true).parse({ ...base, ...config });
  return {
    connection: { id: 'c', config: parsed, webhookUrl: 'https://patchbay.example/channels/c' },
    ...{ http, clock: systemClock, log: createLog('silent'), signal: new AbortController().signal },
    ...{ fetchBytes: () => Promise.reject(new Error('unused')), fetchFile: () => Promise.reject(new Error('unused')) },
    ...noSockets,
    state: { get: async () => null, set: async () => undefined },
  };
}

async function run(baseUrl: string): Promise<void> {
  const number = createContext(baseUrl, { from: '+12025550100' });
  const service = createContext(baseUrl, { messagingServiceSid: id('MG') });
  const whatsApp = createContext(baseUrl, { from: 'whatsapp:+12025550100' });
  const files = ['https://files.example/a', 'https://files.example/b'];
  const steps: Record<string, () => unknown> = {
    'an SMS': () => channel.send(number, message),
    'an MMS with two files': () => channel.send(number, { ...message, attachments: files }),
    'from a Messaging Service': () => channel.send(service, message),
    'WhatsApp in two parts': () => channel.send(whatsApp, { ...message, attachments: files }),
    'the state of a message': () => channel.lookUpReceipt?.(number, id('SM')),
    'the senders': () => channel.setup?.listSenders?.(number),
    'the account and the number': () => channel.setup?.verify(number),
    'the address of a number': () => {
      // The numbers of Prism are random, so that the channel would not find its own among them.
      const path = `/2010-04-01/Accounts/${id('AC')}/IncomingPhoneNumbers/${id('PN')}.json`;
      const url = `https://patchbay.example/channels/c/inbound${retryTerms}`;
      return requestTwilio(number, {
        path,
        form: [
          ['SmsUrl', url],
          ['SmsMethod', 'POST'],
        ],
      });
    },
    'a lost response': () => channel.lookUpSend?.(number, message, new Date(systemClock.now())),
  };
  for (const [name, act] of Object.entries(steps)) {
    step = name;
    await act();
  }
}

/** Requests that Prism cannot judge: the newer APIs are not in the description, and the next page of a list is a random address. */
const isUnjudged = (request: string) => /\/v[12]\/|:\d+\/$/.test(request);

installPrism();
const port = await findPort();
const flags = ['mock', '--dynamic', '--host', '127.0.0.1', '--port', String(port)];
const fixture = join(root, 'test/fixtures/twilio-openapi.json');
const server = spawn(process.execPath, [prism, ...flags, fixture], { stdio: 'ignore', env: environment });
try {
  const baseUrl = `http://127.0.0.1:${port}`;
  for (let tries = 0; ; tries++) {
    const isUp = await fetch(baseUrl).then(
      () => true,
      () => false,
    );
    if (isUp) break;
    if (tries > 150) throw new Error('Prism did not start.');
    await setTimeout(200);
  }
  await run(baseUrl);
  // Prism must not accept each request: this one has no recipient.
  step = 'a request that is wrong';
  const wrong = await http.post(`${baseUrl}/2010-04-01/Accounts/${id('AC')}/Messages.json`, 'Body=x', {
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: 'Basic eDp5' },
  });
  seen.pop();
  if (wrong.status !== 422) throw new Error(`Prism accepted a wrong request with ${wrong.status}.`);
} finally {
  server.kill();
}
for (const { step, request, status } of seen)
  console.log(`${status} ${step}: ${request}${isUnjudged(request) ? ' (not described)' : ''}`);
const judged = seen.filter(({ request }) => !isUnjudged(request));
const refused = judged.filter(({ status }) => status >= 400);
for (const { step, request, status, body } of refused) console.error(`\n${step}: ${request}\n${status} ${body}`);
console.log(`\n${judged.length - refused.length} of ${judged.length} requests fit Twilio’s own description.`);
process.exit(refused.length > 0 ? 1 : 0);
