import fc from 'fast-check';
import type { OptOutContent } from '../../../src/channels/channel.ts';
import { recordContactDnd } from '../../../src/messages/opt-outs/contact-dnd.ts';
import { startWorld, type World } from '../../support/world.ts';

const address = '+12025550143';
const connection = (world: World, locationId: string) => world.db.connection.findFirstOrThrow({ where: { locationId } });
const at = (world: World, seconds: number) => new Date(world.clock.now() + seconds * 1_000);

/** One event that the ledger may learn of, at second `at` of a past day. */
type Event = { from: 'vendor' | 'highlevel'; optedOut: boolean; category: 'all' | 'marketing'; at: number };

/** The newest event of each source decides; a contact's opt-in also ends HighLevel's do-not-disturb. An opt-out wins within a moment. */
function fold(events: readonly Event[]): 'all' | 'marketing' | null {
  const last = (filter: (event: Event) => boolean) => Math.max(-1, ...events.filter(filter).map((event) => event.at));
  const isIn = (category: 'all' | 'marketing') => (event: Event) =>
    event.from === 'vendor' && !event.optedOut && (event.category === 'all' || event.category === category);
  const isOut = (from: Event['from'], category: Event['category']) => {
    const outAt = last((event) => event.from === from && event.optedOut && event.category === category);
    return outAt >= 0 && outAt >= last(isIn(category));
  };
  if (isOut('vendor', 'all') || isOut('highlevel', 'all')) return 'all';
  return isOut('vendor', 'marketing') ? 'marketing' : null;
}

test('any order and repetition of events leads to the state that their times say', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const start = world.clock.now() - 86_400_000;
  let run = 0;
  const event = fc.oneof(
    fc.record({
      from: fc.constant('vendor' as const),
      optedOut: fc.boolean(),
      category: fc.constantFrom('all' as const, 'marketing' as const),
      at: fc.integer({ min: 0, max: 8 }),
    }),
    fc.record({
      from: fc.constant('highlevel' as const),
      optedOut: fc.constant(true),
      category: fc.constant('all' as const),
      at: fc.integer({ min: 0, max: 8 }),
    }),
  );
  const deliveries = fc
    .array(event, { minLength: 1, maxLength: 7 })
    .chain((events) => fc.tuple(fc.constant(events), fc.shuffledSubarray([...events, ...events], { minLength: events.length })))
    .filter(([events, order]) => events.every((one) => order.includes(one)));
  await fc.assert(
    fc.asyncProperty(deliveries, async ([events, order]) => {
      const number = `+1202555${String(1_000 + run++)}`;
      for (const one of order) {
        const occurredAt = new Date(start + one.at * 1_000);
        if (one.from === 'vendor') {
          await world.services.recordOptOut({ id, locationId: location.id }, { ...one, address: number, occurredAt });
        } else {
          const dnd = { phone: number, email: null, isGlobal: true, settings: {} };
          await world.services.db.transaction((tx) => recordContactDnd(world.services, tx, location.id, dnd, occurredAt));
        }
      }
      expect(await world.services.findOptOut(location.id, number)).toBe(fold(events));
      const open = await world.db.optOut.count({ where: { address: number, liftedAt: null } });
      expect(open).toBeLessThanOrEqual(3);
    }),
    { numRuns: 40 },
  );
});

test('a repeated opt-out keeps its first row, and each end has its time and cause', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const record = (content: Partial<OptOutContent>) =>
    world.services.recordOptOut(
      { id, locationId: location.id },
      { address: ' (202) 555-0143', category: 'all', optedOut: true, ...content },
    );
  // An opt-in that is older than the opt-out leaves a row of its own, which is lifted from the start.
  const listOptOuts = () => world.db.optOut.findMany({ where: { reason: { not: 'START' } } });
  await record({ occurredAt: at(world, -50), reason: 'STOP' });
  await record({ occurredAt: at(world, -40), reason: 'STOP again' });
  await record({ optedOut: false, occurredAt: at(world, -45), reason: 'START' });
  expect(await listOptOuts()).toMatchObject([
    { address, source: 'vendor', reason: 'STOP', startedAt: at(world, -50), confirmedAt: at(world, -40), liftedAt: null },
  ]);
  await record({ optedOut: false, occurredAt: at(world, -30), reason: 'START' });
  await record({ optedOut: true, occurredAt: at(world, -35), reason: 'STOP' });
  expect(await listOptOuts()).toMatchObject([{ liftedAt: at(world, -30), liftedBy: 'vendor', liftReason: 'START' }]);
  expect(await world.services.findOptOut(location.id, address)).toBeNull();
});

test('an opt-out of one spelling of a number is one of all its spellings, and so is its end', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const [usual, highLevels] = ['+5511987654321', '+551187654321'];
  const path = (number: string) => `/locations/${location.id}/opt-outs/${encodeURIComponent(number)}`;
  const record = (content: Partial<OptOutContent>) =>
    world.services.recordOptOut(
      { id, locationId: location.id },
      { address: usual, category: 'all', optedOut: true, ...content },
    );
  const expectState = async (state: 'all' | null) => {
    for (const number of [usual, highLevels]) expect(await world.services.findOptOut(location.id, number)).toBe(state);
    expect(await world.db.optOut.count({ where: { liftedAt: null } })).toBe(state === null ? 0 : 1);
  };
  await Promise.all([record({}), record({ address: highLevels })]);
  await world.api.put(path(highLevels), { reason: 'asked by phone' }).expect(200);
  await expectState('all');
  await world.advance(1_000);
  await record({ address: highLevels, optedOut: false });
  await expectState(null);
  // Older than the opt-in that came in the other spelling.
  await record({ occurredAt: at(world, -1) });
  await expectState(null);

  // Rows of a version that took spellings for different numbers.
  const row = { locationId: location.id, source: 'contact', startedAt: at(world, 0), confirmedAt: at(world, 0) };
  const rows = [usual, highLevels].map((number) => ({ ...row, id: world.services.newId(), address: number }));
  await world.db.optOut.createMany({ data: rows });
  await world.api.delete(path(usual)).send({ reason: 'asked again' }).expect(204);
  await expectState(null);
});

test('an opt-in without a time leaves no row where there is no opt-out', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const optIn = { address, category: 'all', optedOut: false, reason: 'YES' } as const;
  await world.services.recordOptOut({ id, locationId: location.id }, optIn);
  expect(await world.db.optOut.count()).toBe(0);
});

test('a time of a clock that is ahead counts as now, and texts are bounded and stored without what PostgreSQL refuses', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const content = { address, category: 'all', optedOut: true, reason: `a\u0000\ud800${'b'.repeat(5_000)}` } as const;
  await world.services.recordOptOut({ id, locationId: location.id }, { ...content, occurredAt: at(world, 3_600) });
  const row = await world.db.optOut.findFirstOrThrow();
  expect(row.startedAt).toEqual(at(world, 0));
  expect(row.reason?.length).toBeLessThan(250);
  const long = `x-${'y'.repeat(4_000)}`;
  await world.services.recordOptOut({ id, locationId: location.id }, { ...content, address: long });
  expect(await world.services.findOptOut(location.id, long)).toBe('all');
});

test('concurrent events of one address open one row, and concurrent look-ups share a statement', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { id } = await connection(world, location.id);
  const record = (to: string) =>
    world.services.recordOptOut({ id, locationId: location.id }, { address: to, category: 'all', optedOut: true });
  await Promise.all(Array.from({ length: 10 }, () => record(address)));
  expect(await world.db.optOut.count()).toBe(1);
  await world.services.recordOptOut(
    { id, locationId: location.id },
    { address: 'maya@example.com', category: 'marketing', optedOut: true },
  );
  const numbers = Array.from({ length: 30 }, (_, index) => `+120255501${String(index + 20)}`);
  const found = await Promise.all(numbers.map((number) => world.services.findOptOut(location.id, number)));
  expect(found.filter(Boolean)).toEqual(['all']);
  expect(await world.services.findOptOut('another', address)).toBeNull();
  expect(await world.services.findOptOut(location.id, 'ana@example.com, maya@example.com')).toBe('marketing');
  expect(await world.services.findOptOut(location.id, 'ana@example.com')).toBeNull();
});
