import { randomBytes } from 'node:crypto';
import express from 'express';
import type { Channel, OAuthSignIn } from '../../src/channels/channel.ts';
import { type AccessTokenDeps, getAccessToken } from '../../src/connections/access-token.ts';
import { openGrantToken, storeConsentGrant } from '../../src/connections/oauth-grants.ts';
import { countConfigsOfOlderKeys, listSealedConfigs, reencryptConfig } from '../../src/connections/sealed-config.ts';
import { createIdGenerator } from '../../src/core/ids.ts';
import { createSecretBox } from '../../src/core/secret-box.ts';
import { openDatabase } from '../../src/database/client.ts';
import { createLog } from '../../src/runtime/log.ts';
import type { IssuedTokens } from '../../src/runtime/oauth-tokens.ts';
import { createHttpClient } from '../../src/runtime/outbound-http.ts';
import { createSignInService } from '../../src/sandbox/vendors/sign-in.ts';
import { createTestDatabase } from '../support/databases.ts';
import { listen } from '../support/http.ts';
import { createTestClock } from '../support/test-clock.ts';

const account = 'shop@inbox.test';
const keys = [randomBytes(32)];

/** Two processes on one database, with a grant that is due, and a service whose refresh tokens work once. */
async function startTwoProcesses() {
  const [clock, server, database] = [createTestClock(), await listen(), await createTestDatabase()];
  const clients = [{ clientId: 'client', clientSecret: 'secret', redirectUris: ['https://app.example/callback'] }];
  const service = createSignInService('microsoft', { clock, random: randomBytes, clients });
  server.server.on('request', express().use(service.router));
  service.makeSingleUse();
  const log = createLog('silent');
  const databases = [await openDatabase(database.target, { log }), await openDatabase(database.target, { log })];
  const box = createSecretBox(keys, randomBytes);
  const newId = createIdGenerator(clock, randomBytes);
  const targetHttp = createHttpClient({ timeoutMs: 5_000, allowPrivateTargets: true });
  const processes = databases.map((db): AccessTokenDeps => ({ db, box, clock, newId, targetHttp }));
  const signIn: OAuthSignIn = {
    ...{ service: 'Microsoft', tokenUrl: `${server.url}/common/oauth2/v2.0/token`, clientId: 'client', clientSecret: 'secret' },
    consent: { authorizeUrl: '', account, parameters: {}, check: () => ({ kind: 'granted', account }) },
  };
  const channel = { setup: { getSignIn: () => signIn } } as unknown as Channel;
  const connection = { id: newId(), channel, config: {} };
  const [first] = databases;
  if (!first) throw new Error('There is no database.');
  const now = new Date(clock.now());
  const row = { locationId: 'location', providerKey: 'mail', type: 'email', config: 'sealed', createdAt: now, updatedAt: now };
  await first.client.connection.create({ data: { id: connection.id, ...row } });

  async function consent(): Promise<IssuedTokens> {
    const refreshToken = `refresh.${randomBytes(8).toString('hex')}`;
    service.state.refreshTokens.set(refreshToken, {
      ...{ code: refreshToken, clientId: 'client', scopes: ['mail'], account, isReplaced: false, isRevoked: false },
    });
    const tokens = { kind: 'tokens', accessToken: 'first', refreshToken, lifetimeMs: 1, scope: null, idToken: null } as const;
    const grant = { connectionId: connection.id, signIn, account, tokens };
    await first?.transaction((tx) => storeConsentGrant(tx, box, grant, new Date(clock.now())));
    await clock.tick(10);
    return tokens;
  }
  await consent();

  return {
    clock,
    service,
    box,
    db: first,
    connectionId: connection.id,
    consent,
    get: (process: number, refused?: string) => getAccessToken(processes[process] as AccessTokenDeps, connection, refused),
    getGrant: () => first.client.oauthGrant.findFirstOrThrow(),
    /** Moves the clock until a call has settled. */
    async settle<T>(call: Promise<T>): Promise<T> {
      let isSettled = false;
      const done = () => {
        isSettled = true;
      };
      call.then(done, done);
      while (!isSettled) {
        await new Promise((wake) => setTimeout(wake, 5));
        await clock.tick(100);
      }
      return call;
    },
    async [Symbol.asyncDispose]() {
      for (const db of databases) await db.close();
      await server.close();
      await database.remove();
    },
  };
}

test('callers in two processes share one renewal, and its token; a token that was refused is renewed once for all', async () => {
  await using test = await startTwoProcesses();
  const all = (refused?: string) => test.settle(Promise.all([0, 1, 0, 1, 0, 1].map((process) => test.get(process, refused))));
  const tokens = await all();
  expect(new Set(tokens.map((result) => (result.kind === 'token' ? result.accessToken : result.kind))).size).toBe(1);
  expect(test.service.requests).toHaveLength(1);
  await all();
  expect(test.service.requests).toHaveLength(1);
  const [used] = tokens;
  const renewed = await all(used?.kind === 'token' ? used.accessToken : '');
  expect(renewed.every((result) => result.kind === 'token')).toBe(true);
  expect(test.service.requests.map(({ reply }) => reply.status)).toEqual([200, 200]);
  expect(test.service.findAccount(renewed[0]?.kind === 'token' ? renewed[0].accessToken : '')).toBe(account);
});

test('a process that dies in a renewal leaves a lease that ends; the next one renews with the same refresh token', async () => {
  await using test = await startTwoProcesses();
  const { clock, connectionId: id } = test;
  const renewalLeaseUntil = new Date(clock.now() + 15_000);
  await test.db.client.oauthGrant.update({ where: { connectionId: id }, data: { renewalLease: id, renewalLeaseUntil } });
  const startedAt = clock.now();
  expect(await test.settle(test.get(1))).toMatchObject({ kind: 'token' });
  expect(clock.now() - startedAt).toBeGreaterThanOrEqual(15_000);
  expect(test.service.requests).toHaveLength(1);
});

test('a response that is lost, and a service that is down, leave the grant as it was', async () => {
  await using test = await startTwoProcesses();
  const before = await test.getGrant();
  test.service.setFault({ status: 503 });
  expect(await test.settle(test.get(0))).toMatchObject({ kind: 'unavailable', code: 'http_503' });
  test.service.setFault({ status: 429 });
  expect(await test.settle(test.get(0))).toMatchObject({ kind: 'unavailable', code: 'http_429' });
  expect(await test.getGrant()).toEqual(before);
  test.service.setFault(null);
  expect(await test.settle(test.get(0))).toMatchObject({ kind: 'token' });
});

test('a refusal is shared for half a minute; a consent that comes during a renewal wins over it', async () => {
  await using test = await startTwoProcesses();
  const { clock, service } = test;
  const { refreshToken } = await test.consent();
  const authorization = service.state.refreshTokens.get(refreshToken ?? '');
  if (authorization) authorization.isRevoked = true;
  const refused = { kind: 'refused', code: 'oauth_sign_in_again' };
  const results = await test.settle(Promise.all([test.get(0), test.get(1), test.get(1)]));
  expect(results).toMatchObject([refused, refused, refused]);
  expect(service.requests).toHaveLength(1);
  await clock.tick(31_000);
  expect(await test.settle(test.get(1))).toMatchObject(refused);
  expect(service.requests).toHaveLength(2);

  await test.consent();
  service.setFault('hang');
  const renewal = test.get(0);
  const hasLease = async () => (await test.getGrant()).renewalLease !== null;
  while (!(await hasLease())) await new Promise((wake) => setTimeout(wake, 5));
  await test.consent();
  service.setFault(null);
  expect(await test.settle(test.get(1))).toMatchObject({ kind: 'token' });
  const stored = await test.getGrant();
  await test.settle(renewal);
  expect(await test.getGrant()).toEqual(stored);
});

test('tokens are sealed for their connection, and sealed again with a new key', async () => {
  await using test = await startTwoProcesses();
  const result = await test.settle(test.get(0));
  const accessToken = result.kind === 'token' ? result.accessToken : '';
  const row = await test.getGrant();
  expect(JSON.stringify(row)).not.toContain(accessToken);
  expect(openGrantToken(test.box, row, 'access_token')).toBe(accessToken);
  expect(() => openGrantToken(test.box, { ...row, connectionId: 'another' }, 'access_token')).toThrow();

  const box = createSecretBox([randomBytes(32), ...keys], randomBytes);
  const config = box.seal('{}', `connections/${test.connectionId}/config`);
  await test.db.client.connection.update({ where: { id: test.connectionId }, data: { config } });
  expect(await countConfigsOfOlderKeys(test.db.client, box.currentKeyPrefix)).toBe(2);
  for (const one of await listSealedConfigs(test.db.client, undefined, 10)) await reencryptConfig({ db: test.db, box }, one);
  expect(await countConfigsOfOlderKeys(test.db.client, box.currentKeyPrefix)).toBe(0);
  expect(openGrantToken(box, await test.getGrant(), 'access_token')).toBe(accessToken);
});
