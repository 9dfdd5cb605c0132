import { openDatabaseClock } from '../../src/database/clock.ts';
import { toContactLookupKey } from '../../src/highlevel/group-keys.ts';
import { contactLookupRateLimit } from '../../src/highlevel/rate-limit.ts';
import { createQueue } from '../../src/queue/queue.ts';
import { tryAcquire } from '../../src/queue/rate-limits.ts';
import { startWorker } from '../../src/worker/queue-handlers.ts';
import type { TestClock } from '../support/test-clock.ts';
import { startWorld } from '../support/world.ts';

const minuteMs = 60_000;
const ahead = (clock: TestClock, ms: () => number) => ({ ...clock, now: () => clock.now() + ms() });

test.each([2, -10, 10])(
  'a worker delays no message when the clock of the process that receives it is %i minutes ahead',
  async (minutes) => {
    await using world = await startWorld({
      isIdle: true,
      clocks: (clock) => ({ clock: ahead(clock, () => minutes * minuteMs), readTime: async () => clock.now() }),
    });
    const { services, clock, highlevel } = world;
    const own = await openDatabaseClock({ clock, readTime: async () => clock.now(), log: services.log });
    const queue = createQueue({ ...services, clock: own });
    await startWorker({ ...services, queue });
    const location = await world.setUpLocation();
    const sentMs = clock.now();
    const { messageId } = await highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hello' });
    await world.advanceUntil(() => highlevel.listStatuses(messageId).length > 0, 'it is reported', 200);
    expect(clock.now() - sentMs).toBeLessThan(4_000);
    await queue.stop(1_000);
    await own.stop();
  },
);

test('a machine’s clock that is set while it works delays no message', async () => {
  let skewMs = 10 * minuteMs;
  await using world = await startWorld({
    clocks: (clock) => ({ clock: ahead(clock, () => skewMs), readTime: async () => clock.now() }),
  });
  const location = await world.setUpLocation();
  for (const nextMs of [-3 * minuteMs, 7 * minuteMs, 0]) {
    const sentMs = world.clock.now();
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hello' });
    skewMs = nextMs;
    await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'it is reported', 200);
    expect(world.clock.now() - sentMs).toBeLessThan(4_000);
  }
});

test('when a database clock that was ahead is set back, neither reports nor retries wait for the difference', async () => {
  let aheadMs = 10 * minuteMs;
  await using world = await startWorld({
    clocks: (clock) => ({ clock, readTime: async () => clock.now() + aheadMs }),
  });
  const { highlevel, vendor, clock } = world;
  const location = await world.setUpLocation();
  const send = async (text: string) =>
    (
      await highlevel.sendMessage(location.id, {
        contactId: highlevel.addContact(location.id, { phone: '+12025550171' }).id,
        text,
      })
    ).messageId;
  const countTries = (text: string) => vendor.requests.filter(({ body }) => body.text === text).length;
  vendor.respondWith(({ body }) =>
    body.text === 'later' && countTries('later') < 3 ? { status: 503 } : { body: { status: 'delivered' } },
  );
  const early = await send('early');
  await world.advanceUntil(() => highlevel.listStatuses(early).length > 0, 'the first is reported', 200);
  // Its third attempt is due half a minute after the second, by the clock that is wrong; another message was just delivered.
  const later = await send('later');
  await world.advanceUntil(async () => (await world.getMessage(later)).retryCount === 2, 'it waits for its third attempt', 200);
  const before = await send('before');
  await world.waitFor(async () => (await world.getMessage(before)).state === 'delivered', 'it is delivered');
  aheadMs = 0;
  const setMs = clock.now();
  const after = await send('after');
  for (const id of [later, before, after]) {
    await world.advanceUntil(() => highlevel.listStatuses(id).length > 0, `${id} is reported`, 200);
  }
  // Only the delays themselves and the 10 seconds until the step is measured.
  expect(clock.now() - setMs).toBeLessThan(50_000);
});

test('look-ups continue when their limit was used up by a clock that was ahead', async () => {
  await using world = await startWorld({ isIdle: true });
  const key = toContactLookupKey('location');
  await world.db.rateLimitRow.create({ data: { key, tatAt: new Date(world.clock.now() + 10 * minuteMs) } });
  const deps = { db: world.services.db, clock: world.clock };
  expect(await tryAcquire(deps, key, contactLookupRateLimit)).toBe(true);
  const rateLimit = await world.db.rateLimitRow.findUniqueOrThrow({ where: { key } });
  expect(rateLimit.tatAt.getTime() - world.clock.now()).toBeLessThan(1_000);
});
