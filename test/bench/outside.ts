import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import express from 'express';
import { systemClock } from '../../src/core/clock.ts';
import { minimalScopes } from '../../src/highlevel/operations.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import type { SignedRequest } from './load.ts';

/**
 * The world outside of the program, as a process of its own: the simulated HighLevel without its limit, and a gateway that answers after
 * a given time. The benchmark tells it what to do; times are of the machine's clock, which all processes share.
 */

export interface Asked {
  id: number;
  do: 'open' | 'messages' | 'delay' | 'seen' | 'forget';
  baseUrl?: string;
  locations?: number;
  contactsEach?: number;
  count?: number;
  ms?: number;
  of?: string;
  bytesEach?: number;
}

export interface Seen {
  sent: number;
  reported: number;
  /** By HighLevel's message id, in milliseconds: when its send began to arrive, was answered, and was reported. */
  times: Record<string, { sentAt?: number; answeredAt?: number; reportedAt?: number }>;
}

const now = () => performance.timeOrigin + performance.now();
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const secret = `whsec_${randomBytes(24).toString('base64')}`;
let delayMs = 0;
let seen: Seen = { sent: 0, reported: 0, times: {} };
let highlevel: ReturnType<typeof createSimulator> | undefined;

const gateway = createServer(async (request, response) => {
  const sentAt = now();
  const { text } = JSON.parse(await bodyOf(request)) as { text: string };
  const answer = () => {
    seen.sent += 1;
    seen.times[text] = { ...seen.times[text], sentAt, answeredAt: now() };
    response.setHeader('content-type', 'application/json').end('{"status":"delivered"}');
  };
  if (delayMs > 0) setTimeout(answer, delayMs);
  else answer();
});
gateway.keepAliveTimeout = 60_000;
const platform = express();
const platformServer = createServer(platform);
platformServer.keepAliveTimeout = 60_000;
const portOf = (server: typeof gateway) => (server.address() as { port: number }).port;
await Promise.all([gateway, platformServer].map((server) => new Promise<void>((done) => server.listen(0, done))));

process.on('message', (asked: Asked) => {
  process.send?.({ id: asked.id, answer: answerTo(asked) });
});
process.send?.({
  gatewayUrl: `http://127.0.0.1:${portOf(gateway)}/send`,
  platformUrl: `http://127.0.0.1:${portOf(platformServer)}`,
  secret,
  publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
});

function answerTo(asked: Asked): unknown {
  switch (asked.do) {
    case 'open':
      return open(asked.baseUrl ?? '', asked.locations ?? 1, asked.contactsEach ?? 1);
    case 'messages':
      return messages(asked.count ?? 0, asked.of, asked.bytesEach);
    case 'delay':
      delayMs = asked.ms ?? 0;
      return null;
    case 'forget':
      seen = { sent: 0, reported: 0, times: {} };
      return null;
    case 'seen':
      return asked.count ? seen : { ...seen, times: {} };
  }
}

function open(baseUrl: string, locations: number, contactsEach: number) {
  highlevel = createSimulator({
    clock: systemClock,
    random: randomBytes,
    http: createHttpClient({ timeoutMs: 15_000, allowPrivateTargets: true }),
    app: {
      clientId: 'app-bench',
      clientSecret: 'secret',
      baseUrl,
      redirectUri: `${baseUrl}/oauth/callback`,
      providers: [{ key: 'sms', id: 'p1', kind: 'sms' }],
      scopes: minimalScopes,
    },
    behaviour: { burstLimit: null },
  });
  platform.use((request, _response, next) => {
    const [, id] = /^\/conversations\/messages\/(\w+)\/status$/.exec(request.path) ?? [];
    if (id) {
      seen.reported += 1;
      seen.times[id] = { ...seen.times[id], reportedAt: now() };
    }
    next();
  });
  platform.use(highlevel.router);
  const simulator = highlevel;
  const { id: companyId } = simulator.addCompany();
  const ids = Array.from({ length: locations }, () => {
    const { id } = simulator.addLocation({ companyId });
    for (let n = 0; n < contactsEach; n++) simulator.addContact(id, { phone: `+1202${String(5_550_000 + n)}` });
    return id;
  });
  return { ids, code: simulator.approveCompanyInstall(companyId, ids) };
}

/** Webhooks of messages that HighLevel knows, each to the next contact of the next location, or of one, with their ids as their texts. */
function messages(count: number, of?: string, bytesEach = 0): (SignedRequest & { id: string })[] {
  const state = (highlevel as NonNullable<typeof highlevel>).state;
  const known = Object.values(state.contacts).filter(({ locationId }) => !of || locationId === of);
  const byLocation = Object.values(Object.groupBy(known, ({ locationId }) => locationId));
  return Array.from({ length: count }, (_, index) => {
    const contacts = byLocation[index % byLocation.length] ?? [];
    const contact = contacts[Math.floor(index / byLocation.length) % contacts.length];
    if (!contact) throw new Error('There is no contact.');
    const id = randomBytes(10).toString('hex');
    state.messages[id] = {
      id,
      locationId: contact.locationId,
      contactId: contact.id,
      conversationId: contact.conversationId,
      providerKey: 'sms',
      direction: 'outbound',
      text: id,
      attachments: [],
      altId: null,
      status: 'pending',
      error: null,
      statuses: [],
      payload: null,
      createdAt: systemClock.now(),
    };
    const body = JSON.stringify({
      contactId: contact.id,
      locationId: contact.locationId,
      messageId: id,
      type: 'SMS',
      phone: contact.phone,
      message: id + 'x'.repeat(bytesEach),
      attachments: [],
      userId: 'GK56r6wdJDrkUPd0xsmx',
    });
    return {
      id,
      path: '/webhooks/providers/sms',
      body,
      signature: sign(null, Buffer.from(body), privateKey).toString('base64'),
    };
  });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
