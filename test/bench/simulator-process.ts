import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import express from 'express';
import { systemClock } from '../../src/core/clock.ts';
import { minimalScopes } from '../../src/highlevel/operations.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createSimulator } from '../../src/sandbox/highlevel/simulator.ts';
import type { SignedRequest } from './load.ts';

/**
 * The world outside of the program, in a process of its own: the simulated HighLevel without its limit, and a gateway that responds
 * after a given time. The benchmark sends it commands; times are of the machine's clock, which all processes share.
 */

export interface Command {
  id: number;
  do: 'open' | 'messages' | 'delay' | 'stats' | 'reset';
  baseUrl?: string;
  locations?: number;
  contactsEach?: number;
  count?: number;
  ms?: number;
  locationId?: string;
  bytesEach?: number;
}

export interface SimulatorStats {
  sent: number;
  reported: number;
  /** By HighLevel's message id, in milliseconds: times of the gateway's request, of its response, and of the report. */
  times: Record<string, { sentAt?: number; respondedAt?: number; reportedAt?: number }>;
}

const now = () => performance.timeOrigin + performance.now();
const { publicKey, privateKey } = generateKeyPairSync('ed25519');
const secret = `whsec_${randomBytes(24).toString('base64')}`;
let delayMs = 0;
let stats: SimulatorStats = { sent: 0, reported: 0, times: {} };
let highlevel: ReturnType<typeof createSimulator> | undefined;

const gateway = createServer(async (request, response) => {
  const sentAt = now();
  const { text } = JSON.parse(await readBody(request)) as { text: string };
  const respond = () => {
    stats.sent += 1;
    stats.times[text] = { ...stats.times[text], sentAt, respondedAt: now() };
    response.setHeader('content-type', 'application/json').end('{"status":"delivered"}');
  };
  if (delayMs > 0) setTimeout(respond, delayMs);
  else respond();
});
gateway.keepAliveTimeout = 60_000;
const platform = express();
const platformServer = createServer(platform);
platformServer.keepAliveTimeout = 60_000;
const getPort = (server: typeof gateway) => (server.address() as { port: number }).port;
await Promise.all([gateway, platformServer].map((server) => new Promise<void>((done) => server.listen(0, done))));

process.on('message', (command: Command) => {
  process.send?.({ id: command.id, response: handleCommand(command) });
});
process.send?.({
  gatewayUrl: `http://127.0.0.1:${getPort(gateway)}/send`,
  platformUrl: `http://127.0.0.1:${getPort(platformServer)}`,
  secret,
  publicKey: publicKey.export({ format: 'der', type: 'spki' }).toString('base64'),
});

function handleCommand(command: Command): unknown {
  switch (command.do) {
    case 'open':
      return openSimulator(command.baseUrl ?? '', command.locations ?? 1, command.contactsEach ?? 1);
    case 'messages':
      return createMessages(command.count ?? 0, command.locationId, command.bytesEach);
    case 'delay':
      delayMs = command.ms ?? 0;
      return null;
    case 'reset':
      stats = { sent: 0, reported: 0, times: {} };
      return null;
    case 'stats':
      return command.count ? stats : { ...stats, times: {} };
  }
}

function openSimulator(baseUrl: string, locations: number, contactsEach: number) {
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
      stats.reported += 1;
      stats.times[id] = { ...stats.times[id], reportedAt: now() };
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

/** Creates webhooks of messages that HighLevel stores, each to the next contact of the next location, or of one; the text is the id. */
function createMessages(count: number, onlyLocationId?: string, bytesEach = 0): (SignedRequest & { id: string })[] {
  const state = (highlevel as NonNullable<typeof highlevel>).state;
  const contacts = Object.values(state.contacts).filter(({ locationId }) => !onlyLocationId || locationId === onlyLocationId);
  const byLocation = Object.values(Object.groupBy(contacts, ({ locationId }) => locationId));
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

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
