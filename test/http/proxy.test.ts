import { randomBytes } from 'node:crypto';
import request from 'supertest';
import { systemClock } from '../../src/core/clock.ts';
import { listDevelopmentHosts } from '../../src/core/hosts.ts';
import { createHttpApp } from '../../src/http/app.ts';
import { createLog } from '../../src/runtime/log.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { startSandbox } from '../../src/sandbox/server.ts';
import { signInOperator } from '../support/operator-session.ts';
import { adminToken } from '../support/production-settings.ts';
import { startWorld } from '../support/world.ts';

const idle = { isIdle: true };
const bearer = { authorization: `Bearer ${adminToken}` };

test('forwarded headers count only from a trusted proxy; from others they are warned of, once an hour', async () => {
  await using world = await startWorld(idle);
  const warnings: unknown[] = [];
  const log = Object.assign(createLog('silent'), { warn: (about: object) => void warnings.push(about) });
  const edge = (trustProxy: number | string[]) => request(createHttpApp({ ...world.services, log: log as never, trustProxy }));
  const tryToken = (app: ReturnType<typeof edge>, from: string) =>
    app.get('/api/locations').set({ authorization: 'Bearer wrong', 'x-forwarded-for': from });

  const direct = edge(['203.0.113.0/24']);
  for (let host = 0; host < 20; host++) await tryToken(direct, `198.51.100.${host}`).expect(401);
  // They all came from this machine, regardless of the header that they sent.
  await tryToken(direct, '198.51.100.99').expect(429);
  expect(warnings).toEqual([{ address: expect.stringContaining('127.0.0.1') }]);
  world.clock.jump(60 * 60_000);
  await tryToken(direct, '198.51.100.99').expect(429);
  expect(warnings.length).toBe(2);

  for (const trusting of [edge(['loopback']), edge(1)]) {
    for (let host = 0; host < 21; host++) await tryToken(trusting, `198.51.100.${host}`).expect(401);
  }
  // With one proxy in front, only what that proxy adds is believed.
  const one = edge(1);
  for (let host = 0; host < 20; host++) await tryToken(one, `192.0.2.${host}, 198.51.100.1`).expect(401);
  await tryToken(one, '192.0.2.99, 198.51.100.1').expect(429);
  // Some proxies add the caller's port, another one for each connection.
  for (let port = 50_000; port < 50_020; port++) await tryToken(one, `198.51.100.2:${port}`).expect(401);
  await tryToken(one, '198.51.100.2:50020').expect(429);
  expect(warnings.length).toBe(2);
  const none = edge(0);
  await tryToken(none, '198.51.100.1').expect(401);
  expect(warnings.length).toBe(3);
});

test('outside production only the app’s own hosts are accepted, regardless of forwarded headers', async () => {
  await using world = await startWorld({
    ...idle,
    services: { allowedHosts: listDevelopmentHosts('http://patchbay.test:3000') },
  });
  const ask = (host: string, more: Record<string, string> = {}) => world.client.get('/healthz').set({ host, ...more });
  for (const host of ['localhost:3000', '127.0.0.1', '[::1]:3000', 'patchbay.test', 'PATCHBAY.test:1'])
    await ask(host).expect(200);
  for (const host of [
    'rebound.attacker.example',
    'localhost.attacker.example',
    'patchbay.test.',
    '127.0.0.2',
    '@localhost',
    'x y',
  ]) {
    await ask(host).expect(403);
    await ask(host, { 'x-forwarded-host': 'localhost' }).expect(403);
    await world.client.post('/webhooks/app').set({ host }).send('{}').expect(403);
  }
});

test('the sandbox listens on this machine alone and hands out a context only under its own names', async () => {
  const http = createHttpClient({ timeoutMs: 1_000, allowPrivateTargets: true });
  const app = {
    clientId: 'a-b',
    clientSecret: 'x',
    baseUrl: 'http://localhost:1',
    redirectUri: 'x',
    providers: [],
    scopes: [],
  };
  const sandbox = await startSandbox({ port: 0, clock: systemClock, random: randomBytes, http, app, adminToken: 'x' });
  try {
    const url = sandbox.url.replace('localhost', '127.0.0.1');
    const ask = (host: string) => request(url).get('/custom-page/context?company=SandboxCompany000001').set('host', host);
    expect((await ask('localhost:3001').expect(200)).body.payload).toMatch(/^U2FsdGVkX1/);
    expect((await ask('rebound.attacker.example').expect(403)).text).not.toContain('U2FsdGVkX1');
  } finally {
    await sandbox.close();
  }
});

test('a body of 256 KB is read with a token, one of 16 KB without, and no more', async () => {
  await using world = await startWorld(idle);
  const { id } = await world.install();
  const put = (bytes: number) =>
    world.api.put(`/locations/${id}/channels/sms`, {
      type: 'gateway',
      config: { url: world.vendor.url, secret: world.vendor.secret, more: 'x'.repeat(bytes) },
    });
  expect((await put(20_000)).status).not.toBe(413);
  expect((await put(200_000)).status).not.toBe(413);
  await put(300_000).expect(413);
  const exchange = (bytes: number) => world.client.post('/api/session').send({ encryptedData: 'x'.repeat(bytes) });
  await exchange(20_000).expect(413);
  expect((await exchange(10_000)).status).not.toBe(413);
});

test('API responses and errors are not cached', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const encryptedData = world.highlevel.createUserContext({ companyId, activeLocation: id });
  const statuses = [
    await world.client.get('/api/openapi.json').expect(200),
    await world.client.get('/api/locations').set(bearer).expect(200),
    await world.client.post('/api/session').send({ encryptedData }).expect(200),
    await world.client.get('/api/locations').expect(401),
    await world.client.get('/api/nothing').set(bearer).expect(404),
    await world.client.get('/nothing').set('accept', 'application/json').expect(404),
  ];
  for (const { headers } of statuses) expect(headers['cache-control']).toBe('no-store');
});

test('paths are case sensitive: /ADMIN and /MEDIA do not exist', async () => {
  await using world = await startWorld(idle);
  for (const path of [
    '/ADMIN',
    '/Admin/keys',
    '/MEDIA/x',
    '/API/locations',
    '/Embed/pages/',
    '/EMBED',
    '/OAUTH/callback',
    '/HEALTHZ',
  ]) {
    expect({ path, status: (await world.client.get(path).set(bearer)).status }).toEqual({ path, status: 404 });
  }
});

test('a stream takes GET alone', async () => {
  await using world = await startWorld(idle);
  const { id, companyId } = await world.install();
  const authorization = `Bearer ${await world.createUserToken({ companyId, activeLocation: id })}`;
  const head = await world.client.head('/embed/live/').set({ authorization }).expect(405);
  expect(head.headers.allow).toBe('GET');
  const operator = await signInOperator(world);
  await world.client.head('/admin/live/').set({ cookie: operator.cookie }).expect(405);
});
