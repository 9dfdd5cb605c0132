import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { createPages } from '../../src/http/pages/registry.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld, type World } from '../support/world.ts';
import { createRequests, encode, type FuzzRequest, type FuzzTargets } from './requests.ts';

/** Number of inputs; `npm run test:fuzz` sets others. */
const count = Number(process.env.FUZZ_INPUTS ?? 1_500);
const seed = Number(process.env.FUZZ_SEED ?? 20261127);
const parallel = 16;
const drawnAtOnce = 1_000;

test(
  'no input of a stranger, a user, HighLevel or a vendor gives a 5xx or stops the program',
  async () => {
    await using world = await startWorld({ isIdle: true });
    const targets = await createTargets(world);
    const failures = new Map<string, string>();
    const statuses = new Map<number, number>();
    const wanted = drawInputs(targets);
    // Authentication failures are delayed more and more; the world's clock moves only while all workers wait.
    let responseCount = 0;
    let previousResponseCount = 0;
    const moving = setInterval(() => {
      if (responseCount === previousResponseCount) void world.clock.tick(5_000);
      previousResponseCount = responseCount;
    }, 500);
    const work = async () => {
      for (const [index, one] of wanted) {
        const status = await send(world, targets, one, index);
        responseCount += 1;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status >= 500 || status === 0) failures.set(describeRequest(one, status), JSON.stringify(one).slice(0, 600));
        if (index > 0 && index % 10_000 === 0) console.log(index, formatMemory());
      }
    };
    await Promise.all(Array.from({ length: parallel }, work)).finally(() => clearInterval(moving));
    expect([...failures]).toEqual([]);
    // Both accepted and refused requests were among them.
    for (const status of [200, 202, 400, 401, 404, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
    await world.client.get('/readyz').expect(200);
  },
  120_000 + count * 30,
);

/** Draws the inputs in parts: all at once would take more memory than the program, and hide its growth. */
function* drawInputs(targets: FuzzTargets): Generator<[number, FuzzRequest], void, undefined> {
  for (let drawn = 0; drawn < count; drawn += drawnAtOnce) {
    const part = fc.sample(createRequests(targets), { seed: seed + drawn, numRuns: Math.min(drawnAtOnce, count - drawn) });
    for (const [index, one] of part.entries()) yield [drawn + index, one];
  }
}

async function createTargets(world: World): Promise<FuzzTargets & { connectionId: string }> {
  const location = await world.setUpLocation();
  const { companyId } = location;
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  const { id } = await world.getMessage(messageId);
  const { body } = await world.client.get('/api/openapi.json').expect(200);
  const users = [
    { companyId, activeLocation: location.id, role: 'admin' },
    { companyId, activeLocation: location.id, role: 'user' },
    { companyId, role: 'admin', type: 'agency' },
  ];
  return {
    paths: body.paths,
    pages: createPages(world.services as never).map(({ path }) => path),
    ids: {
      locationId: [location.id],
      companyId: [companyId],
      id: [id],
      providerKey: ['sms', 'mail'],
      connectionId: [location.connectionId],
    },
    tokens: [adminToken, ...(await Promise.all(users.map((user) => world.createUserToken(user))))],
    connectionId: location.connectionId,
  };
}

/** @returns the status; 0 when the program broke the connection */
async function send(
  world: World,
  { connectionId }: { connectionId: string },
  one: FuzzRequest,
  index: number,
): Promise<number> {
  if (one.kind === 'webhook') return world.highlevel.postSigned(one.path, JSON.stringify(one.body));
  if (one.kind === 'callback') return (await world.postChannelWebhook(connectionId, one.event, one.body)).status;
  const query = one.query.map(([name, value]) => `${name}=${encode(value)}`).join('&');
  const isForm = one.path.startsWith('/embed/pages');
  try {
    const response = await fetch(`${world.url}${one.path}${query && `?${query}`}`, {
      method: one.method,
      redirect: 'manual',
      headers: {
        // Many addresses, so that limits by address do not refuse the other requests.
        'x-forwarded-for': toAddress(index),
        ...(one.token === null ? {} : { authorization: `Bearer ${one.token.replace(/[^\x20-\x7e]/g, '?')}` }),
        ...(one.body === undefined
          ? {}
          : { 'content-type': isForm ? 'application/x-www-form-urlencoded' : 'application/json' }),
        ...Object.fromEntries(one.headers),
      },
      ...(one.body === undefined || one.method === 'GET' || one.method === 'HEAD'
        ? {}
        : { body: isForm ? toForm(one.body) : JSON.stringify(one.body) }),
    });
    await response.arrayBuffer();
    return response.status;
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    return 0;
  }
}

function formatMemory(): string {
  const { rss, heapUsed } = process.memoryUsage();
  const mebibytes = (bytes: number) => Math.round(bytes / 2 ** 20);
  return `${mebibytes(rss)} MiB, of which ${mebibytes(heapUsed)} MiB of objects`;
}

function toForm(body: unknown): string {
  return Object.entries(Object(body))
    .map(([name, value]) => `${encode(name)}=${encode(typeof value === 'string' ? value : JSON.stringify(value))}`)
    .join('&');
}

function toAddress(index: number): string {
  const [a = 0, b = 0] = createHash('sha256').update(String(index)).digest();
  return `198.51.${a}.${b}`;
}

function describeRequest(one: FuzzRequest, status: number): string {
  return one.kind === 'http' ? `${one.method} ${one.path.slice(0, 80)} -> ${status}` : `${one.kind} -> ${status}`;
}
