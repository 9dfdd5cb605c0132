import { runCleanup } from '../../../src/worker/cleanup.ts';
import { startWorld } from '../../support/world.ts';

const path = (locationId: string, address = '') =>
  `/locations/${locationId}/opt-outs${address && `/${encodeURIComponent(address)}`}`;

test('a user adds, lists, searches and lifts opt-outs, and the audit log names the user and the reason', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const context = { companyId: location.companyId, activeLocation: location.id, role: 'admin', userId: 'user-1' };
  const api = await world.apiAs(context);
  const put = await api.put(path(location.id, '(202) 555-0143'), { reason: ' asked by phone ' }).expect(200);
  expect(put.body).toEqual({
    id: expect.any(String),
    address: '+12025550143',
    category: 'all',
    source: 'user',
    reason: 'asked by phone',
    channel: 'sms',
    connectionId: null,
    addedBy: 'user-1',
    startedAt: new Date(world.clock.now()).toISOString(),
    ...{ liftedAt: null, liftedBy: null, liftReason: null },
  });
  const again = await api.put(path(location.id, '+12025550143'), { reason: 'twice' }).expect(200);
  expect(again.body.id).toBe(put.body.id);
  await world.advance(1_000);
  await api.put(path(location.id, 'Ana <ANA@Example.com>'), { reason: 'mail' }).expect(200);

  const first = (await api.get(`${path(location.id)}?limit=1`).expect(200)).body;
  expect(first.items).toMatchObject([{ address: 'ana@example.com', channel: 'email' }]);
  const second = (await api.get(`${path(location.id)}?limit=1&cursor=${first.nextCursor}`).expect(200)).body;
  expect(second).toMatchObject({ items: [{ address: '+12025550143' }], nextCursor: null });
  const found = (await api.get(`${path(location.id)}?q=EXAMPLE`).expect(200)).body;
  expect(found.items).toHaveLength(1);

  const remove = () => api.delete(path(location.id, '+12025550143')).send({ reason: 'asked again' });
  await remove().expect(204);
  await remove().expect(404);
  expect(await world.services.findOptOut(location.id, '+12025550143')).toBeNull();
  expect((await api.get(path(location.id)).expect(200)).body.items).toHaveLength(1);
  const audit = await world.db.auditEntry.findMany({ where: { action: { startsWith: 'opt_out' } }, orderBy: { id: 'asc' } });
  expect(audit).toMatchObject([
    { actor: 'user-1', action: 'opt_out_recorded', details: '+12025550143: asked by phone' },
    { actor: 'user-1', action: 'opt_out_recorded', details: 'ana@example.com: mail' },
    { actor: 'user-1', action: 'opt_out_lifted', details: '+12025550143: asked again' },
  ]);
});

test('a person who lifts an opt-out and adds it again at once, or imports it, opts the address out', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const own = path(location.id, '+12025550143');
  // The clock stands still: the opt-in is a millisecond ahead of it.
  await world.api.put(own, { reason: 'asked' }).expect(200);
  await world.api.delete(own).send({ reason: 'asked again' }).expect(204);
  await world.api.put(own, { reason: 'changed their mind' }).expect(200);
  expect(await world.services.findOptOut(location.id, '+12025550143')).toBe('all');
  await world.api.delete(own).send({ reason: 'asked again' }).expect(204);
  const csv = (async function* read() {
    yield 'address\n+12025550143';
  })();
  await world.services.importOptOuts(location.id, csv, { reason: 'a list' }, 'operator');
  expect(await world.services.findOptOut(location.id, '+12025550143')).toBe('all');
});

test('a reason is required and bounded, an address too, and a user who is no admin only reads', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  for (const reason of [undefined, '', ' ', 'x'.repeat(201), 'a\u0000b', 7]) {
    await world.api.put(path(location.id, '+12025550143'), { reason }).expect(422);
    await world.api.delete(path(location.id, '+12025550143')).send({ reason }).expect(422);
  }
  await world.api.put(path(location.id, 'x'.repeat(321)), { reason: 'ok' }).expect(404);
  await world.api.put(path(location.id, 'a\u0000b'), { reason: 'ok' }).expect(404);
  await world.api.get(`${path(location.id)}?cursor=nonsense`).expect(422);
  const reader = await world.apiAs({ companyId: location.companyId, activeLocation: location.id, role: 'user' });
  await reader.get(path(location.id)).expect(200);
  await reader.put(path(location.id, '+12025550143'), { reason: 'ok' }).expect(403);
  await reader.delete(path(location.id, '+12025550143')).send({ reason: 'ok' }).expect(403);
  expect(await world.db.optOut.count()).toBe(0);
});

test('opt-outs outlive messages and go with the purge of an uninstalled location; so do addresses of deleted connections', async () => {
  await using world = await startWorld();
  const [kept, gone] = [await world.setUpLocation(), await world.setUpLocation()];
  for (const { id } of [kept, gone]) await world.api.put(path(id, '+12025550143'), { reason: 'ok' }).expect(200);
  const lastInboundAt = new Date(world.clock.now());
  await world.db.vendorAddress.createMany({
    data: [kept, gone].map(({ connectionId }) => ({
      connectionId,
      address: '+12025550143',
      vendorAddress: 'v',
      lastInboundAt,
    })),
  });
  await world.highlevel.uninstallLocation(gone.id);
  await world.advanceUntil(async () => (await world.db.connection.count({ where: { locationId: gone.id } })) === 0);
  await runCleanup(world.services);
  expect(await world.db.optOut.count()).toBe(2);
  expect(await world.db.vendorAddress.findMany()).toMatchObject([{ connectionId: kept.connectionId }]);
  world.clock.jump(31 * 24 * 60 * 60 * 1000);
  await runCleanup(world.services);
  expect(await world.db.optOut.findMany()).toMatchObject([{ locationId: kept.id }]);
});
