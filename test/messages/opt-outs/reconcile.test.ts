import fc from 'fast-check';
import { toLocalTime } from '../../../src/core/local-time.ts';
import { computeNextNight } from '../../../src/messages/opt-outs/reconcile-rows.ts';
import type { SimDndSetting } from '../../../src/sandbox/highlevel/state.ts';
import { startWorld, type World } from '../../support/world.ts';

const dayMs = 24 * 60 * 60 * 1000;
const searches = (world: World) => world.highlevel.calls.listByOperation('searchContacts');
const theirs: SimDndSetting = { status: 'permanent', code: '103', message: "Updated by 'Ana'" };
const ours: SimDndSetting = { status: 'active', code: 'PATCHBAY_STOP', message: 'STOP received via Patchbay' };

/** Adds a contact with do-not-disturb that no event has reported. */
const addBlocked = (world: World, locationId: string, phone: string | null, more: object = {}) =>
  world.highlevel.addContact(locationId, { phone, dndSettings: { SMS: theirs }, ...more });

async function reconcileTonight(world: World, locationId: string): Promise<void> {
  await world.services.reconcileOptOuts();
  world.clock.jump(dayMs + 6 * 60 * 60 * 1000);
  const startedAt = world.clock.now();
  await world.advanceUntil(
    async () => {
      // Two processes: only one of them works on a location.
      await Promise.all([world.services.reconcileOptOuts(), world.services.reconcileOptOuts()]);
      const row = await world.db.dndReconcile.findUniqueOrThrow({ where: { locationId } });
      return row.startedAt === null && row.dueAt.getTime() > startedAt + 60 * 60 * 1000;
    },
    'the reconcile ends',
    2_000,
  );
}

test('a nightly reconcile finds what lost events have changed, page by page, and lifts and clears only what it may', async () => {
  await using world = await startWorld({ isIdle: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const { id } = location;
  const row = (address: string, more: object) => ({
    ...{ id: world.services.newId(), locationId: id, address, source: 'contact' },
    ...{ startedAt: new Date(world.clock.now()), confirmedAt: new Date(world.clock.now()) },
    ...more,
  });
  const lifted = { liftedAt: new Date(world.clock.now() + 1), liftedBy: 'contact' };
  const many = Array.from({ length: 103 }, (_, index) => `+1202556${String(1_000 + index)}`);
  for (const phone of many) addBlocked(world, id, phone);
  addBlocked(world, id, null, { email: 'ANA@example.com', dndSettings: {}, dnd: true });
  addBlocked(world, id, '+12025557001');
  const stale = addBlocked(world, id, '+12025557002', { dndSettings: { SMS: ours } });
  world.highlevel.addContact(id, { phone: '+12025557003' });
  addBlocked(world, id, '+12025557004');
  addBlocked(world, other.id, '+12025557009');
  await world.db.optOut.createMany({
    data: [
      row('+12025557001', lifted),
      row('+12025557002', lifted),
      row('+12025557003', { source: 'highlevel' }),
      row('+12025557004', { source: 'highlevel' }),
      row('+12025557005', { source: 'highlevel' }),
      row('+12025557006', {}),
      ...many.slice(3).map((phone) => row(phone, { source: 'highlevel' })),
    ],
  });
  world.highlevel.faults.add({ operation: 'searchContacts', times: 1, effect: { status: 500 } });
  world.highlevel.faults.add({ operation: 'getContact', times: 1, effect: { cut: 'after_handling' } });
  await reconcileTonight(world, id);

  const open = await world.db.optOut.findMany({ where: { locationId: id, liftedAt: null }, orderBy: { id: 'asc' } });
  const isFound = (address: string) => open.find((one) => one.address === address)?.source;
  expect(many.every((phone) => isFound(phone) === 'highlevel')).toBe(true);
  expect(isFound('ana@example.com')).toBe('highlevel');
  // An opt-in is not overridden; a STOP stays; of do-not-disturb that was cleared only a contact that exists is sure.
  expect(isFound('+12025557001')).toBeUndefined();
  expect(isFound('+12025557003')).toBeUndefined();
  expect(isFound('+12025557004')).toBe('highlevel');
  expect(isFound('+12025557005')).toBe('highlevel');
  expect(isFound('+12025557006')).toBe('contact');
  await world.services.mirrorOptOuts();
  expect(world.highlevel.state.contacts[stale.id]?.dndSettings?.SMS?.status).toBe('inactive');
  const changed = world.highlevel.calls.listByOperation('updateContact').map(({ path }) => path);
  expect(changed).toEqual([`/contacts/${stale.id}`]);

  // One page is asked for once, but for the failed call, and the location stays within its share of the limit.
  const own = searches(world).filter(({ resourceId }) => resourceId === id);
  const pages = own.map(({ body }) => JSON.stringify(body));
  expect(new Set(pages).size).toBe(6);
  expect(pages.length).toBeLessThanOrEqual(7);
  expect(own.filter(({ status }) => status === 400)).toEqual([]);
});

test('a night changes no row that is right, a search that HighLevel refuses is skipped, and a location without the app is left out', async () => {
  await using world = await startWorld({ isIdle: true });
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  await world.services.reconcileOptOuts();
  await world.db.installation.updateMany({ where: { resourceId: other.id }, data: { status: 'uninstalled' } });
  addBlocked(world, location.id, '+551187654321');
  const at = new Date(world.clock.now());
  // The same number in another spelling.
  const row = { locationId: location.id, address: '+5511987654321', startedAt: at, confirmedAt: at };
  await world.db.optOut.create({ data: { ...row, id: world.services.newId(), source: 'highlevel' } });
  world.highlevel.faults.add({
    operation: 'searchContacts',
    times: 1,
    effect: { status: 400, body: { message: 'invalid field' } },
  });
  await reconcileTonight(world, location.id);
  expect(await world.db.optOut.findMany()).toMatchObject([{ source: 'highlevel', liftedAt: null, confirmedAt: at }]);
  expect(world.highlevel.calls.listByOperation('getContact')).toEqual([]);
  expect(await world.db.dndReconcile.findMany({ select: { locationId: true } })).toEqual([{ locationId: location.id }]);
});

test('a location’s time lies in its night, on the next day, and is the same every night', () => {
  const zones = fc.constantFrom(
    'UTC',
    'America/New_York',
    'Europe/Madrid',
    'Australia/Lord_Howe',
    'Asia/Kathmandu',
    'Pacific/Apia',
  );
  fc.assert(
    fc.property(
      fc.date({ min: new Date('2020-01-01'), max: new Date('2035-01-01'), noInvalidDate: true }),
      fc.string(),
      zones,
      (now, id, zone) => {
        const at = computeNextNight(now.getTime(), id, zone);
        const hours = (at.getTime() - now.getTime()) / 3_600_000;
        expect(hours).toBeGreaterThan(0);
        expect(hours).toBeLessThan(32);
        // A change of clocks moves it by an hour at most.
        const { minutes } = toLocalTime(at.getTime(), zone);
        expect(minutes).toBeGreaterThanOrEqual(0);
        expect(minutes).toBeLessThanOrEqual(7 * 60);
        expect(computeNextNight(now.getTime(), id, zone)).toEqual(at);
      },
    ),
  );
});
