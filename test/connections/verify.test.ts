import type { ChannelContext, VerifyResult } from '../../src/channels/channel.ts';
import { acmeKey, createAcme, rejectedKey } from '../support/acme.ts';
import { startWorld, type World } from '../support/world.ts';

const toPath = (locationId: string) => `/locations/${locationId}/channels/sms`;
const acmeConfig = { type: 'acme', config: { key: acmeKey } };

async function startAcme(acme = createAcme(), isIdle = true) {
  const world = await startWorld({ channels: acme.channels, isIdle });
  return { acme, world, location: await world.install() };
}

const getRow = (world: World) => world.db.connection.findFirstOrThrow();

test('a config that the vendor rejects is not stored, and each problem names its field without the secret', async () => {
  const { acme, world, location } = await startAcme();
  await using _ = world;
  acme.verify = async () => rejectedKey;
  const { body } = await world.api.put(toPath(location.id), acmeConfig).expect(422);
  expect(body.error).toMatchObject({
    code: 'connection_rejected',
    details: ['config.key: Acme does not know the key [redacted].'],
  });
  expect(await world.db.connection.count()).toBe(0);
  expect(await world.db.auditEntry.count({ where: { action: 'channel_connected' } })).toBe(0);

  acme.verify = async () => ({ kind: 'verified', account: 'Acme Inc.', warnings: ['It is a trial.'] });
  const { body: connected } = await world.api.put(toPath(location.id), acmeConfig).expect(200);
  expect(connected).toMatchObject({
    status: 'active',
    statusReason: null,
    account: 'Acme Inc.',
    warnings: ['It is a trial.'],
    webhooks: {
      addresses: { webhook: `${world.url}/channels/${connected.connectionId}/webhook` },
      registration: { status: 'pending', details: null },
      received: false,
      lastReceivedAt: null,
    },
    capabilities: { messageTypes: ['sms', 'email'], receipts: true },
  });

  acme.verify = async () => rejectedKey;
  await world.api.put(toPath(location.id), { type: 'acme', config: { key: acmeKey, region: 'eu' } }).expect(422);
  expect((await world.api.get(toPath(location.id))).body.config).toEqual({ region: 'us' });
});

test('while the vendor cannot be reached a config is stored only with verify=false', async () => {
  const { acme, world, location } = await startAcme();
  await using _ = world;
  acme.verify = () => new Promise<VerifyResult>(() => {});
  const pending = world.api.put(toPath(location.id), acmeConfig).expect(422);
  let isDone = false;
  const response = pending.then((done) => {
    isDone = true;
    return done;
  });
  await world.advanceUntil(() => isDone);
  const { body } = await response;
  expect(body.error).toMatchObject({ code: 'connection_rejected', message: expect.stringContaining('no response in time') });
  acme.verify = async () => {
    throw new Error(`a defect with ${acmeKey}`);
  };
  const failed = await world.api.put(toPath(location.id), acmeConfig).expect(422);
  expect(failed.text).not.toContain(acmeKey);
  expect(await world.db.connection.count()).toBe(0);

  const asked = acme.countCalls('verify');
  const { body: stored } = await world.api.put(`${toPath(location.id)}?verify=false`, acmeConfig).expect(200);
  expect(stored).toMatchObject({ status: 'active', account: null });
  expect(acme.countCalls('verify')).toBe(asked);
  await world.api.put(`${toPath(location.id)}?verify=perhaps`, acmeConfig).expect(422);
});

test('a change of the settings of sending alone does not ask the vendor, and keeps account and status', async () => {
  const { acme, world, location } = await startAcme();
  await using _ = world;
  await world.api.put(toPath(location.id), acmeConfig).expect(200);
  await world.db.connection.updateMany({ data: { status: 'held', statusCode: 'x', statusReason: 'y' } });
  const { dueAt: _due, ...before } = { dueAt: 0, ...(await getRow(world)) };
  const config = { ratePerSecond: 5, sender: '+12025550100' };
  const { body } = await world.api.put(toPath(location.id), { type: 'acme', config }).expect(200);
  expect(body).toMatchObject({ status: 'held', account: 'Acme Inc.', config: { ratePerSecond: 5 } });
  expect(acme.countCalls('verify')).toBe(1);
  expect((await getRow(world)).setupDueAt).toEqual(before.setupDueAt);

  // Once more unchanged: a person wants to know whether the vendor accepts it now.
  const { body: again } = await world.api.put(toPath(location.id), { type: 'acme', config }).expect(200);
  expect(acme.countCalls('verify')).toBe(2);
  expect(again).toMatchObject({ status: 'active', statusReason: null });
});

test('a secret that the program makes is made once, stays with later changes, and never comes back', async () => {
  const { world, location } = await startAcme();
  await using _ = world;
  const { text } = await world.api.put(toPath(location.id), acmeConfig).expect(200);
  const readSecret = async () => {
    const { hookSecret } = world.services.decryptConnection(await getRow(world)).config as { hookSecret: string };
    return hookSecret;
  };
  const made = await readSecret();
  expect(made).toMatch(/^whsec_/);
  expect(text).not.toContain(made);
  await world.api.put(toPath(location.id), { type: 'acme', config: { region: 'eu' } }).expect(200);
  expect(await readSecret()).toBe(made);
  const own = { hookSecret: 'one-of-our-own' };
  await world.api.put(toPath(location.id), { type: 'acme', config: own }).expect(200);
  expect(await readSecret()).toBe(own.hookSecret);
  const { text: shown } = await world.api.get(toPath(location.id)).expect(200);
  expect(shown).not.toContain(own.hookSecret);
});

test('the state that a channel sets while it is verified is stored sealed with the config, and another channel does not get it', async () => {
  const { acme, world, location } = await startAcme();
  await using _ = world;
  const seen: unknown[] = [];
  const remember =
    (value: string) =>
    async (context: ChannelContext<object>): Promise<VerifyResult> => {
      seen.push(await context.state.get());
      await context.state.set({ token: value });
      seen.push(await context.state.get());
      return { kind: 'verified', account: 'Acme Inc.' };
    };
  acme.verify = async (context) => {
    await remember('refused-token')(context);
    return rejectedKey;
  };
  await world.api.put(toPath(location.id), acmeConfig).expect(422);
  acme.verify = remember('first-token');
  await world.api.put(toPath(location.id), acmeConfig).expect(200);
  expect(seen).toEqual([null, { token: 'refused-token' }, null, { token: 'first-token' }]);
  const { state, id } = await getRow(world);
  expect(state).not.toContain('first-token');
  const connection = await world.services.getConnection(id);
  const context = world.services.createChannelContext(connection, new AbortController().signal);
  expect(await context.state.get()).toEqual({ token: 'first-token' });

  seen.length = 0;
  acme.verify = async (context) => {
    seen.push(await context.state.get());
    return { kind: 'verified', account: 'Acme Inc.' };
  };
  await world.api.put(toPath(location.id), { type: 'acme_two', config: { key: 'another-key' } }).expect(200);
  expect(seen).toEqual([null]);
  expect((await getRow(world)).state).toBeNull();
  expect(acme.calls).toContain(`unregister ${acmeKey}`);
});
