import { acmeKey, createAcme } from '../support/acme.ts';
import { startWorld } from '../support/world.ts';

async function startConnected(acme = createAcme(), keepChannels = false) {
  const world = await startWorld({ channels: acme.channels, services: { keepChannels } });
  const location = await world.install();
  const path = `/locations/${location.id}/channels/sms`;
  const { body } = await world.api
    .put(path, { type: 'acme', config: { key: acmeKey, hookSecret: 'the-hook-secret' } })
    .expect(200);
  const getRegistration = async () => (await world.api.get(path).expect(200)).body.webhooks.registration;
  return { acme, world, location, path, connectionId: body.connectionId as string, getRegistration };
}

test('webhooks are registered after the connection is stored, and the first that arrives is shown', async () => {
  const { acme, world, path, connectionId, getRegistration } = await startConnected();
  await using _ = world;
  await world.advanceUntil(async () => (await getRegistration()).status === 'registered');
  await world.advance(60_000, 10_000);
  expect(acme.countCalls('register')).toBe(1);
  expect(await world.db.auditEntry.count({ where: { action: 'webhooks_registered', actor: 'patchbay' } })).toBe(1);
  const address = `/channels/${connectionId}/webhook`;
  await world.client.post(address).set('x-acme-secret', 'wrong').send('{}').expect(401);
  await world.client.post(address).set('x-acme-secret', 'the-hook-secret').send('{}').expect(200);
  await world.advanceUntil(async () => (await world.api.get(path)).body.webhooks.received);
  expect((await world.api.get(path)).body.webhooks.lastReceivedAt).toEqual(expect.any(String));
});

test('a test within the second after the connection registers the webhooks first, so that its receipts arrive', async () => {
  const { acme, world, path, getRegistration } = await startConnected();
  await using _ = world;
  await world.api.post(`${path}/test`, { text: 'hi' }).expect(202);
  expect((await getRegistration()).status).toBe('registered');
  await world.api.post(`${path}/test`, { text: 'hi' }).expect(202);
  expect(acme.countCalls('register')).toBe(1);
});

test('addresses of another program are replaced only when a person agrees', async () => {
  const acme = createAcme();
  acme.register = async (_context, replace) =>
    replace ? { kind: 'registered' } : { kind: 'taken', by: `https://other.example/?key=${acmeKey}` };
  const { world, path, getRegistration } = await startConnected(acme);
  await using _ = world;
  await world.advanceUntil(async () => (await getRegistration()).status === 'taken');
  expect(await getRegistration()).toEqual({ status: 'taken', details: 'https://other.example/?key=[redacted]' });
  await world.advance(60 * 60_000, 10 * 60_000);
  expect(acme.calls).not.toContain('replace');
  await world.api.post(`${path}/webhooks`).expect(200);
  expect((await getRegistration()).status).toBe('taken');
  const { body } = await world.api.post(`${path}/webhooks`, { replace: true }).expect(200);
  expect(body.webhooks.registration).toEqual({ status: 'registered', details: null });
  expect(await world.db.auditEntry.count({ where: { action: 'webhooks_registered', actor: 'operator' } })).toBe(1);
});

test('a registration that fails is tried again less and less often; a manual one waits for a person', async () => {
  const acme = createAcme();
  acme.register = async () => ({ kind: 'failed', code: 'http_500', message: 'Acme failed.' });
  const { world, getRegistration } = await startConnected(acme);
  await using _ = world;
  await world.advance(60 * 60_000, 60_000);
  expect(acme.countCalls('register')).toBeGreaterThan(5);
  expect(acme.countCalls('register')).toBeLessThan(40);
  expect(await getRegistration()).toEqual({ status: 'failed', details: 'Acme failed.' });
  acme.register = async () => ({ kind: 'manual', message: 'Enter it in the console.' });
  await world.advanceUntil(async () => (await getRegistration()).status === 'manual', 'manual', 60_000);
  const count = acme.countCalls('register');
  await world.advance(2 * 60 * 60_000, 10 * 60_000);
  expect(acme.countCalls('register')).toBe(count);
});

test('a channel that registers none has no registration, and says so', async () => {
  const { world, path, getRegistration } = await startConnected(createAcme({ canRegister: false }));
  await using _ = world;
  expect(await getRegistration()).toBeNull();
  const { body } = await world.api.post(`${path}/webhooks`).expect(404);
  expect(body.error.message).toContain('Copy the addresses');
});

test('a disconnect removes the webhooks first, and a vendor that hangs or fails does not prevent it', async () => {
  const { acme, world, path } = await startConnected();
  await using _ = world;
  acme.unregister = async () => {
    expect(await world.db.connection.count()).toBe(1);
  };
  await world.api.delete(path).expect(204);
  expect(acme.countCalls(`unregister ${acmeKey}`)).toBe(1);

  for (const unregister of [() => new Promise<void>(() => {}), () => Promise.reject(new Error('no'))]) {
    await world.api.put(path, { type: 'acme', config: { key: acmeKey } }).expect(200);
    acme.unregister = unregister;
    let isGone = false;
    const gone = world.api
      .delete(path)
      .expect(204)
      .then(() => {
        isGone = true;
      });
    await world.advanceUntil(() => isGone);
    await gone;
    expect(await world.db.connection.count()).toBe(0);
  }
  await world.api.put(path, { type: 'acme', config: { key: acmeKey } }).expect(200);
  await world.db.connection.updateMany({ data: { config: 'v1.lost.key.material' } });
  await world.api.delete(path).expect(204);
});

test('an uninstall removes the webhooks; kept channels keep theirs until they are deleted', async () => {
  for (const keepChannels of [false, true]) {
    const { acme, world, location } = await startConnected(createAcme(), keepChannels);
    await using _ = world;
    await world.highlevel.uninstallLocation(location.id);
    await world.advanceUntil(
      async () => (await world.db.connection.count({ where: { disabledAt: null } })) === 0,
      'disconnected',
    );
    expect(acme.countCalls(`unregister ${acmeKey}`)).toBe(keepChannels ? 0 : 1);
    if (!keepChannels) continue;
    await world.services.purgeDisabledConnections(new Date(world.clock.now() + 1));
    expect(acme.countCalls(`unregister ${acmeKey}`)).toBe(1);
    expect(await world.db.connection.count()).toBe(0);
  }
});

test('the daily check registers the webhooks again, without another entry in the audit log', async () => {
  const { acme, world, getRegistration } = await startConnected();
  await using _ = world;
  await world.advanceUntil(async () => (await getRegistration()).status === 'registered');
  await world.advanceUntil(() => acme.countCalls('register') === 2, 'registered again', 30 * 60_000);
  await world.advance(2_000);
  expect(await world.db.auditEntry.count({ where: { action: 'webhooks_registered' } })).toBe(1);
});
