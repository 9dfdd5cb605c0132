import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { createHttpApp } from '../../src/http/app.ts';
import { startWorld, type World } from '../support/world.ts';
import { encode, type FuzzHttpRequest } from './http-requests.ts';
import { openRoutes } from './open-requests.ts';
import { createRequests, type FuzzRequest } from './requests.ts';
import {
  type Caller,
  type Credentials,
  createCredentials,
  createOfflineChannels,
  createTargets,
  type FuzzTargets,
} from './targets.ts';

/** Number of inputs; `npm run test:fuzz` sets others. */
const count = Number(process.env.FUZZ_INPUTS ?? 1_500);
const seed = Number(process.env.FUZZ_SEED ?? 20261127);
const parallel = 16;
const drawnAtOnce = 1_000;

/** A user's token lives for fifteen minutes of the world's clock. */
const credentialsTtlMs = 5 * 60_000;

let world: World;
let targets: FuzzTargets;

beforeAll(async () => {
  world = await startWorld({ isIdle: true, hasWorkflows: true, channels: createOfflineChannels });
  targets = await createTargets(world);
});

afterAll(() => world[Symbol.asyncDispose]());

test('the inputs go to every route that the app has', () => {
  const api = Object.entries(targets.operations).flatMap(([path, methods]) =>
    [...Object.keys(methods), '_all'].map((method) => `${method} ${path.slice('/api'.length).replace(/\{(\w+)\}/g, ':$1')}`),
  );
  const isOpen = (path: string) => openRoutes.some((route) => route.endsWith(path)) || path.startsWith('/docs/channels/');
  const missed = listRoutes(createHttpApp(world.services)).filter(
    ({ method, path }) => !api.includes(`${method} ${path}`) && !isOpen(path) && path !== '/channels/:connectionId/*path',
  );
  expect(missed).toEqual([{ method: 'get', path: '/openapi.json' }]);
});

test(
  'no input of a stranger, a user, HighLevel, a workflow or a vendor gives a 5xx or stops the program',
  async () => {
    const [connectionId = ''] = targets.ids.connectionId ?? [];
    const failures = new Map<string, string>();
    const statuses = new Map<number, number>();
    const reached = new Map<string, Set<number>>();
    const wanted = drawInputs(targets);
    let credentials = await createCredentials(world, targets);
    let renewedAt = world.clock.now();
    // Authentication failures are delayed more and more; the world's clock moves only while all workers wait.
    let responseCount = 0;
    let previousResponseCount = 0;
    const moving = setInterval(() => {
      if (responseCount === previousResponseCount) void world.clock.tick(5_000);
      previousResponseCount = responseCount;
    }, 500);
    const renew = async () => {
      renewedAt = world.clock.now();
      credentials = await createCredentials(world, targets);
    };
    const work = async () => {
      for (const [index, one] of wanted) {
        if (world.clock.now() - renewedAt > credentialsTtlMs) await renew();
        const status = await send(world, connectionId, one, credentials, index);
        responseCount += 1;
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        note(reached, one, status);
        if (status >= 500 || status === 0) failures.set(describeRequest(one, status), JSON.stringify(one).slice(0, 600));
        if (index > 0 && index % 10_000 === 0) console.log(index, formatMemory(), await describeDatabase());
      }
    };
    await Promise.all(Array.from({ length: parallel }, work)).finally(() => clearInterval(moving));
    if (count > 10_000) console.log(Object.fromEntries(statuses));
    expect([...failures]).toEqual([]);
    // Both accepted and refused requests were among them, in each part of the program.
    const routes = [...reached].filter(([, found]) => [...found].every((status) => status >= 400)).map(([route]) => route);
    if (count > 10_000) console.log(reached.size, routes);
    for (const status of [200, 202, 400, 401, 404, 422]) expect(statuses.get(status) ?? 0).toBeGreaterThan(0);
    await world.client.get('/readyz').expect(200);
  },
  120_000 + count * 30,
);

/** Lists the routes of an app and its routers, without the paths at which routers are mounted. */
function listRoutes(app: unknown): { method: string; path: string }[] {
  interface Layer {
    route?: { path: string; methods: Record<string, boolean> };
    handle?: { stack?: Layer[] };
  }
  const walk = (stack: readonly Layer[]): { method: string; path: string }[] =>
    stack.flatMap(({ route, handle }) => {
      if (route) return Object.keys(route.methods).map((method) => ({ method, path: route.path }));
      return walk(handle?.stack ?? []);
    });
  return walk((app as { router: { stack: Layer[] } }).router.stack);
}

/** Notes the statuses of a route. */
function note(reached: Map<string, Set<number>>, one: FuzzRequest, status: number): void {
  if (one.kind !== 'http') return;
  reached.set(one.route, (reached.get(one.route) ?? new Set()).add(status));
}

/** Draws the inputs in parts: all at once would take more memory than the program, and hide its growth. */
function* drawInputs(targets: FuzzTargets): Generator<[number, FuzzRequest], void, undefined> {
  for (let drawn = 0; drawn < count; drawn += drawnAtOnce) {
    const part = fc.sample(createRequests(targets), { seed: seed + drawn, numRuns: Math.min(drawnAtOnce, count - drawn) });
    for (const [index, one] of part.entries()) yield [drawn + index, one];
  }
}

/** @returns the status; 0 when the program broke the connection */
async function send(world: World, connectionId: string, one: FuzzRequest, by: Credentials, index: number): Promise<number> {
  if (one.kind === 'webhook') return world.highlevel.postSigned(one.path, JSON.stringify(one.body));
  if (one.kind === 'callback') return (await world.postChannelWebhook(connectionId, one.event, one.body)).status;
  const request = () => sendHttp(one, by, index);
  // The server may have closed a connection that was kept alive, as the request left.
  return request().catch(() => request().catch(() => 0));
}

async function sendHttp(one: FuzzHttpRequest, by: Credentials, index: number): Promise<number> {
  const query = one.query.map(([name, value]) => `${name}=${encode(value)}`).join('&');
  const response = await fetch(`${world.url}${one.path}${query && `?${query}`}`, {
    method: one.method,
    redirect: 'manual',
    headers: {
      // Many addresses, so that limits by address do not refuse the other requests.
      'x-forwarded-for': toAddress(index),
      ...toIdentity(one, by),
      ...(one.body === undefined ? {} : { 'content-type': one.contentType }),
      ...Object.fromEntries(one.headers),
    },
    ...(one.body === undefined || one.method === 'GET' || one.method === 'HEAD' ? {} : { body: toBody(one, by) }),
  });
  await response.arrayBuffer();
  return response.status;
}

function toIdentity({ caller }: FuzzHttpRequest, { tokens, session }: Credentials): Record<string, string> {
  if (caller === null) return {};
  if (caller === 'session') return { cookie: session.cookie };
  const token = Object.hasOwn(tokens, caller) ? tokens[caller as Caller] : caller;
  return { authorization: `Bearer ${token.replace(/[^\x20-\x7e]/g, '?')}` };
}

function toBody({ contentType, body, caller }: FuzzHttpRequest, { session }: Credentials): string {
  if (contentType === 'text/csv') return String(body).toWellFormed();
  if (contentType === 'application/json') return JSON.stringify(body);
  return toForm(caller === 'session' ? { ...Object(body), csrf: session.csrf } : body);
}

/** The embedded database is in this process: its size is part of the memory. */
async function describeDatabase(): Promise<string> {
  const [row] = await world.db.$queryRaw<
    { size: string }[]
  >`SELECT pg_size_pretty(pg_database_size(current_database())) AS size`;
  return `database ${row?.size}, ${await world.db.message.count()} messages`;
}

/** With `--expose-gc` the garbage is collected first, so that growth shows. */
function formatMemory(): string {
  globalThis.gc?.();
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
