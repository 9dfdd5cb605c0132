import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import fc from 'fast-check';
import { readUserContext } from '../../src/highlevel/user-context.ts';
import { encryptUserContext } from '../../src/sandbox/highlevel/user-context.ts';
import { sharedSecret, startWorld, type World } from '../support/world.ts';

const fixture = JSON.parse(readFileSync(resolve(import.meta.dirname, '../fixtures/user-context.json'), 'utf8'));
const exchange = (world: World, encryptedData: unknown) => world.client.post('/api/session').send({ encryptedData });
const minute = 60_000;

test('a user context made by CryptoJS is read, with the current shared secret or an older one', () => {
  for (const secrets of [[fixture.secret], ['newer', fixture.secret]]) {
    expect(readUserContext(fixture.encrypted, secrets)).toEqual({
      userId: fixture.context.userId,
      companyId: fixture.context.companyId,
      locationId: fixture.context.activeLocation,
      role: 'admin',
      type: 'agency',
      userName: 'Jöhn Doe',
      email: 'johndoe@gmail.com',
      whiteLabelDomain: 'example.com',
    });
  }
  expect(() => readUserContext(fixture.encrypted, ['wrong'])).toThrow(expect.objectContaining({ code: 'context_invalid' }));
  expect(() => readUserContext(fixture.encrypted, [])).toThrow(expect.objectContaining({ code: 'app_not_configured' }));
});

test('input that is not a context is rejected in the same manner, without a crash', () => {
  const refused = (encrypted: string) => {
    try {
      readUserContext(encrypted, [fixture.secret]);
    } catch (error) {
      return (error as { code: string }).code;
    }
    return 'read';
  };
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.base64String(),
        fc.uint8Array().map((bytes) => Buffer.from(bytes).toString('base64')),
      ),
      (text) => {
        expect(refused(text)).toBe('context_invalid');
      },
    ),
  );
  const bytes = Buffer.from(fixture.encrypted, 'base64');
  fc.assert(
    fc.property(fc.nat(bytes.length - 1), (length) => {
      expect(refused(bytes.subarray(0, length).toString('base64'))).toBe('context_invalid');
    }),
  );
});

test('a context that was tampered with is rejected, or still has valid ids', () => {
  const bytes = Buffer.from(fixture.encrypted, 'base64');
  fc.assert(
    fc.property(fc.integer({ min: 16, max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] as number) ^ flip;
      let read: ReturnType<typeof readUserContext> | null = null;
      try {
        read = readUserContext(changed.toString('base64'), [fixture.secret]);
      } catch {
        return; // Refused, which is the rule.
      }
      // Its cipher has no seal, so a flip in a free text can pass; one that makes new ids must then meet our own records.
      expect(read.companyId).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      expect(read.locationId ?? 'x').toMatch(/^[A-Za-z0-9_-]{1,64}$/);
    }),
    { numRuns: 500 },
  );
});

test.each([
  [{ companyId: '' }],
  [{ companyId: 'a/b' }],
  [{ userId: undefined }],
  [{ activeLocation: { $ne: null } }],
  [{ activeLocation: "x' OR 1=1" }],
  [{ activeLocation: 5 }],
  [{ activeLocation: ['yLKVZpNppIdYpah4RjNE'] }],
  [{ role: 5 }],
])('a context with %j is refused', (change) => {
  const sealed = encryptUserContext({ ...fixture.context, ...change }, 'secret', (length) => Buffer.alloc(length, 1));
  expect(() => readUserContext(sealed, ['secret'])).toThrow(expect.objectContaining({ code: 'context_invalid' }));
});

test.each([
  [{ activeLocation: '' }, { locationId: null }],
  [{ activeLocation: null }, { locationId: null }],
  [{ whitelabelDetails: 'app.example.com' }, { whiteLabelDomain: null }],
  [{ whitelabelDetails: '' }, { whiteLabelDomain: null }],
  [{ whitelabelDetails: { domain: null } }, { whiteLabelDomain: null }],
  [
    { userName: '', email: null },
    { userName: null, email: null },
  ],
])('a context with %j locks no user out', (change, read) => {
  const context = { ...fixture.context, ...change } as Parameters<typeof encryptUserContext>[0];
  const sealed = encryptUserContext(context, 'secret', (length) => Buffer.alloc(length, 1));
  expect(readUserContext(sealed, ['secret'])).toMatchObject({ userId: fixture.context.userId, ...read });
});

test('a user’s context becomes a token of fifteen minutes for exactly its location', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, companyId } = await world.install();
  const context = world.highlevel.createUserContext({ companyId, activeLocation: id, role: 'user' });
  const { body } = await exchange(world, context).expect(200);
  expect(body).toMatchObject({ locationId: id, companyId, user: { userId: 'SandboxUser000000001', role: 'user' } });
  expect(new Date(body.expiresAt).getTime() - world.clock.now()).toBeLessThanOrEqual(15 * minute);
  const get = () => world.client.get(`/api/locations/${id}`).set('authorization', `Bearer ${body.token}`);
  await get().expect(200);
  world.clock.jump(14 * minute);
  await get().expect(200);
  world.clock.jump(minute);
  await get().expect(401);
  // The page makes a new handshake and goes on.
  await exchange(world, world.highlevel.createUserContext({ companyId, activeLocation: id })).expect(200);
});

test('a location’s user reads, its admin changes, an agency reads its locations, and no user accesses another tenant', async () => {
  await using world = await startWorld({ isIdle: true });
  const [mine, sibling, foreign] = [await world.install(), await world.install(), await world.install()];
  await world.db.installation.update({
    where: { kind_resourceId: { kind: 'location', resourceId: foreign.id } },
    data: { companyId: 'AnotherCompany000001' },
  });
  const { companyId } = mine;
  const config = { type: 'gateway', config: { url: world.vendor.url, secret: world.vendor.secret } };
  const user = await world.apiAs({ companyId, activeLocation: mine.id, role: 'user' });
  const admin = await world.apiAs({ companyId, activeLocation: mine.id, role: 'admin' });
  const agency = await world.apiAs({ companyId, role: 'admin' });

  await user.get(`/locations/${mine.id}`).expect(200);
  await user.put(`/locations/${mine.id}/channels/sms`, config).expect(403);
  await admin.put(`/locations/${mine.id}/channels/sms`, config).expect(200);
  await user.get(`/locations/${mine.id}/channels/sms`).expect(200);
  await admin.get(`/locations/${sibling.id}`).expect(404);
  await agency.put(`/locations/${mine.id}/channels/sms`, config).expect(403);

  const listed = async (api: typeof admin) =>
    (await api.get('/locations').expect(200)).body.items.map(({ locationId }: { locationId: string }) => locationId).sort();
  expect(await listed(user)).toEqual([mine.id]);
  expect(await listed(agency)).toEqual([mine.id, sibling.id].sort());
  await agency.get(`/locations/${foreign.id}`).expect(404);
  expect((await agency.get('/overview').expect(200)).body).toMatchObject({ locations: { active: 2 }, queues: [] });
});

test.each([
  ['a location of another company', (id: string) => ({ companyId: 'AnotherCompany000001', activeLocation: id })],
  ['a location without the app', () => ({ companyId: 'SandboxCompany000001', activeLocation: 'nowhere' })],
  ['an agency without the app', () => ({ companyId: 'AnotherCompany000001' })],
  ['a location’s own user in the agency’s context', () => ({ companyId: 'SandboxCompany000001', type: 'account' })],
])('%s is refused', async (_name, context) => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const { body } = await exchange(world, world.highlevel.createUserContext(context(id))).expect(403);
  expect(body.error.code).toBe('forbidden');
});

test('a token expires with the uninstall of its location, and one of another secret or purpose is invalid', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, companyId } = await world.install();
  const api = await world.apiAs({ companyId, activeLocation: id });
  await world.db.installation.updateMany({ data: { status: 'uninstalled' } });
  await api.get(`/locations/${id}`).expect(404);
  const { signToken } = await import('../../src/http/auth/user-tokens.ts');
  const claims = { sub: 'x', companyId, locationId: id, scope: 'read write' };
  await world.db.installation.updateMany({ data: { status: 'active' } });
  const wrong = [
    await signToken({ ...world.services, sessionSecrets: ['another-secret-of-the-tests'] }, 'patchbay/api', claims, minute),
    await signToken(world.services, 'patchbay/install-progress', claims, minute),
  ];
  for (const { token } of wrong) {
    await world.client.get(`/api/locations/${id}`).set('authorization', `Bearer ${token}`).expect(401);
  }
});

test('a user context for a location that is being set up gets a retry time, and reconciles it now', async () => {
  await using world = await startWorld();
  const company = world.highlevel.addCompany();
  const code = world.highlevel.approveCompanyInstall(company.id);
  await world.finishInstall(code);
  await world.advanceUntil(async () => (await world.api.get(`/companies/${company.id}`)).body.sync.status === 'done');
  const location = world.highlevel.addLocation({ companyId: company.id, isInstalled: true });
  const context = () => world.highlevel.createUserContext({ companyId: company.id, activeLocation: location.id });
  await exchange(world, context()).expect(403);
  await world.advanceUntil(async () => (await exchange(world, context())).status === 200);
});

test('a location that its agency has handed over opens for users of the other agency at their first visit, and for no others', async () => {
  await using world = await startWorld();
  const [before, after] = [world.highlevel.addCompany(), world.highlevel.addCompany()];
  const { id } = world.highlevel.addLocation({ companyId: before.id });
  const exchangeAs = async (companyId: string) =>
    (await exchange(world, world.highlevel.createUserContext({ companyId, activeLocation: id }))).status;
  for (const company of [before, after]) {
    await world.finishInstall(world.highlevel.approveCompanyInstall(company.id));
    await world.advanceUntil(async () => (await world.api.get(`/companies/${company.id}`)).body.sync.status === 'done');
  }
  await world.advanceUntil(async () => (await exchangeAs(before.id)) === 200);
  await world.advance(15 * minute, 10_000);
  // Programs of the agency have access, too.
  const program = { name: 'Reports', scopes: ['messages:read'], expiresInDays: 30 };
  await world.api.post(`/locations/${id}/tokens`, program).expect(200);
  await world.api.post(`/locations/${id}/webhooks`, { url: 'https://example.com/', eventTypes: ['message.read'] }).expect(200);

  Object.assign(world.highlevel.state.locations[id] ?? {}, { companyId: after.id });
  const visitedAt = world.clock.now();
  expect(await exchangeAs(after.id)).toBe(403);
  await world.advanceUntil(async () => (await exchangeAs(after.id)) === 200, 'the other agency has it', 1_000);
  expect(world.clock.now() - visitedAt).toBeLessThan(minute);
  expect(await exchangeAs(before.id)).toBe(403);
  expect([await world.db.apiToken.count(), await world.db.webhookEndpoint.count()]).toEqual([0, 0]);
});

test('a context that is repeated from another address is detected and counted, one from the same address is not', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, companyId } = await world.install();
  const context = world.highlevel.createUserContext({ companyId, activeLocation: id });
  const from = (address: string) => exchange(world, context).set('x-forwarded-for', address).expect(200);
  await from('203.0.113.1');
  await from('203.0.113.1');
  const count = async () => (await world.client.get('/metrics')).text.match(/user_context_replays_total (\d+)/)?.[1];
  expect(await count()).toBe('0');
  await from('198.51.100.7');
  expect(await count()).toBe('1');
  const { body } = await world.api.get('/audit?action=context_replayed').expect(200);
  expect(body.items).toMatchObject([{ actor: 'SandboxUser000000001', locationId: id }]);
  expect(JSON.stringify(await world.db.seenUserContext.findMany())).not.toContain('203.0.113.1');
});

test('a client with many wrong contexts is rate limited', async () => {
  await using world = await startWorld({ isIdle: true });
  for (let attempt = 0; attempt < 20; attempt++) await exchange(world, 'wrong').expect(401);
  await exchange(world, 'wrong').expect(429);
  expect(sharedSecret).not.toBe('wrong');
});
