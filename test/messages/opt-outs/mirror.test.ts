import type { SimDndSetting } from '../../../src/sandbox/highlevel/state.ts';
import { startWorld, type World } from '../../support/world.ts';

const from = '+12025550143';
const updates = (world: World) => world.highlevel.calls.listByOperation('updateContact');
const dndOf = (world: World, contactId: string, channel = 'SMS'): SimDndSetting | undefined =>
  world.highlevel.state.contacts[contactId]?.dndSettings?.[channel];

let count = 0;
const receive = (world: World, connectionId: string, text: string, sender = from) =>
  world.postChannelWebhook(connectionId, 'inbound', { externalId: `m${count++}`, from: sender, text }).expect(202);
const isIdle = async (world: World) => (await world.db.optOut.count({ where: { mirrorDueAt: { not: null } } })) === 0;
const areEventsApplied = async (world: World) => (await world.db.appEvent.count({ where: { dueAt: { not: null } } })) === 0;

test('STOP sets do-not-disturb in HighLevel, START clears it, and the events about both change no row', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { id } = location.contact;
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, id)).toEqual({ status: 'active', message: 'STOP received via Patchbay', code: 'PATCHBAY_STOP' });
  await expect(world.highlevel.sendMessage(location.id, { contactId: id, text: 'x' })).rejects.toThrow('DND is active for SMS');

  await receive(world, location.connectionId, 'START');
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, id)?.status).toBe('inactive');
  await world.advance(5_000);
  await world.advanceUntil(() => areEventsApplied(world));
  expect(updates(world)).toHaveLength(2);
  expect(await world.db.optOut.findMany()).toMatchObject([{ source: 'contact', liftedBy: 'contact' }]);
  expect(await world.db.appEvent.count({ where: { type: 'ContactDndUpdate', outcome: 'applied' } })).toBe(2);
});

test.each(['kept', 'reset'] as const)('other channels keep their blocks where omitted ones are %s', async (omittedDnd) => {
  await using world = await startWorld({ behaviour: { omittedDnd } });
  const location = await world.setUpLocation();
  await world.highlevel.setDnd(location.contact.id, {
    dndSettings: { Email: { status: 'permanent', code: '7' }, Call: { status: 'active' }, GMB: { status: 'inactive' } },
  });
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, location.contact.id)?.code).toBe('PATCHBAY_STOP');
  expect(dndOf(world, location.contact.id, 'Email')).toMatchObject({ status: 'permanent', code: '7' });
  expect(dndOf(world, location.contact.id, 'Call')?.status).toBe('active');
  const sent = updates(world).map(({ body }) => Object.keys((body as { dndSettings: object }).dndSettings).sort());
  expect(sent).toEqual([['Call', 'Email', 'SMS']]);
});

test('a block that others have set is neither overwritten nor cleared', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.highlevel.setDnd(location.contact.id, { dndSettings: { SMS: { status: 'permanent', code: 'theirs' } } });
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => isIdle(world));
  await receive(world, location.connectionId, 'START');
  await world.advanceUntil(() => isIdle(world));
  expect(updates(world)).toHaveLength(0);
  expect(dndOf(world, location.contact.id)).toMatchObject({ status: 'permanent', code: 'theirs' });
});

test('do-not-disturb that a user sets opts number and email address out; clearing it never lifts a STOP', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { id } = location.contact;
  const find = (address: string) => world.services.findOptOut(location.id, address);
  await world.highlevel.setDnd(id, { dndSettings: { Email: { status: 'active' } } });
  await world.advanceUntil(async () => (await find('maya@example.com')) === 'all');
  expect(await find(from)).toBeNull();
  await world.highlevel.setDnd(id, { dnd: true, dndSettings: { Email: { status: 'inactive' } } });
  await world.advanceUntil(async () => (await find(from)) === 'all');
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => isIdle(world));

  await world.advance(1_000);
  await world.highlevel.setDnd(id, { dnd: false, dndSettings: { SMS: { status: 'inactive' } } });
  await world.advanceUntil(() => areEventsApplied(world));
  expect(await find('maya@example.com')).toBeNull();
  expect(await find(from)).toBe('all');
  const open = await world.db.optOut.findMany({ where: { liftedAt: null } });
  expect(open.map(({ source }) => source)).toEqual(['contact']);
  const updateCount = updates(world).length;
  await world.advance(10_000);
  expect(updates(world)).toHaveLength(updateCount);
});

test('of the event about a contact only what is used is stored, and one about a location without the app changes no row', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.highlevel.setDnd(location.contact.id, { dndSettings: { SMS: { status: 'active' } } });
  await world.advanceUntil(() => areEventsApplied(world));
  const stored = await world.db.appEvent.findFirstOrThrow({ where: { type: 'ContactDndUpdate' } });
  expect(stored.rawPayload).toContain(from);
  expect(stored.rawPayload).not.toMatch(/Maya|private/);
  const foreign = world.highlevel.addLocation();
  const stranger = world.highlevel.addContact(foreign.id, { phone: '+12025550177' });
  await world.highlevel.setDnd(stranger.id, { dndSettings: { SMS: { status: 'active' } } });
  await world.advanceUntil(() => areEventsApplied(world));
  expect(await world.db.optOut.count({ where: { locationId: foreign.id } })).toBe(0);
});

test('an opt-out by hand reaches the contact that HighLevel finds, also one that it gets later', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const put = (address: string) =>
    world.api
      .put(`/locations/${location.id}/opt-outs/${encodeURIComponent(address)}`, { reason: 'asked by phone' })
      .expect(200);
  await put('maya@example.com');
  await put('+12025550188');
  const spelled = world.highlevel.addContact(location.id, { phone: '+551187654321' });
  await put('+5511987654321');
  await world.advanceUntil(() => dndOf(world, location.contact.id, 'Email')?.code === 'PATCHBAY_STOP');
  expect(dndOf(world, location.contact.id)?.status).not.toBe('active');
  await world.advanceUntil(() => dndOf(world, spelled.id)?.code === 'PATCHBAY_STOP');
  await world.advance(60_000, 5_000);
  const late = world.highlevel.addContact(location.id, { phone: '+12025550188' });
  await world.advanceUntil(() => dndOf(world, late.id)?.status === 'active', 'late contact blocked', 20_000);
  await world.advanceUntil(() => isIdle(world));
  const searches = world.highlevel.calls.listByOperation('findDuplicateContact').length;
  expect(searches).toBeLessThan(12);
});

test('two numbers of a contact share a setting: it is cleared when both have opted in', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { id } = location.contact;
  const second = '+12025550199';
  (world.highlevel.state.contacts[id] as { otherAddresses?: string[] }).otherAddresses = [second];
  const row = { locationId: location.id, address: second, contactId: id, updatedAt: new Date(world.clock.now()) };
  await world.db.contactAddress.createMany({ data: [row, { ...row, address: from }] });
  await receive(world, location.connectionId, 'STOP');
  await receive(world, location.connectionId, 'STOP', second);
  await world.advanceUntil(() => isIdle(world));
  await receive(world, location.connectionId, 'START');
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, id)?.status).toBe('active');
  await receive(world, location.connectionId, 'START', second);
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, id)?.status).toBe('inactive');
});

test('an outage delays the mirror, and a lost response repeats no change', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'updateContact', times: 2, effect: { status: 503 } });
  world.highlevel.faults.add({ operation: 'updateContact', times: 1, effect: { cut: 'after_handling' } });
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => isIdle(world));
  expect(dndOf(world, location.contact.id)?.code).toBe('PATCHBAY_STOP');
  expect(updates(world)).toHaveLength(3);
  expect(await world.db.optOut.findFirstOrThrow()).toMatchObject({ mirrorErrorCount: 0 });
});

test('without the permission no call is made but a probe, and granting it sets what has waited', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.denials.add({ operation: 'updateContact', as: 'unknown' });
  await receive(world, location.connectionId, 'STOP');
  await world.advanceUntil(() => updates(world).length > 0);
  await world.advance(20 * 60_000, 30_000);
  expect(updates(world).length).toBeLessThan(12);
  expect(await isIdle(world)).toBe(false);
  world.highlevel.denials.clear();
  await world.advanceUntil(() => isIdle(world), 'set', 60_000);
  expect(dndOf(world, location.contact.id)?.code).toBe('PATCHBAY_STOP');
});

test('many opt-outs at once stay within HighLevel’s limits, and one location delays no other', async () => {
  await using world = await startWorld({ isIdle: true });
  const [busy, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const now = new Date(world.clock.now());
  const contacts = Array.from({ length: 60 }, (_, index) =>
    world.highlevel.addContact(busy.id, { phone: `+1202555${String(2_000 + index)}` }),
  );
  await world.db.optOut.createMany({
    data: [
      ...contacts.map(({ phone }) => ({ locationId: busy.id, address: phone as string })),
      { locationId: other.id, address: from },
    ].map((row) => ({
      ...row,
      id: world.services.newId(),
      source: 'contact',
      startedAt: now,
      confirmedAt: now,
      mirrorDueAt: now,
    })),
  });
  await world.advanceUntil(async () => {
    await world.services.mirrorOptOuts();
    return dndOf(world, other.contact.id)?.status === 'active';
  });
  expect(updates(world).length).toBeLessThan(5);
  await world.advanceUntil(async () => {
    await world.services.mirrorOptOuts();
    return isIdle(world);
  });
  expect(contacts.every(({ id }) => dndOf(world, id)?.code === 'PATCHBAY_STOP')).toBe(true);
});
