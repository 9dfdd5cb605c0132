import type { Connection } from '../../../src/connections/connection.ts';
import { findConnection } from '../../../src/connections/find.ts';
import { checkSendLimits, refundDailyCap } from '../../../src/messages/outbound/send-limits.ts';
import { runCleanup } from '../../../src/worker/cleanup.ts';
import { createHookedDatabase } from '../../support/hooked-database.ts';
import { sendMany } from '../../support/send-many.ts';
import { startWorld } from '../../support/world.ts';

test('a daily cap limits the sends of a day; the others wait for the next day, or fail where the connection says so', async () => {
  await using world = await startWorld();
  const waits = await world.setUpLocation({ dailyCap: 2 });
  const fails = await world.setUpLocation({ dailyCap: 2, whenOver: 'fail' });
  await sendMany(world, waits, 5);
  const failing = await sendMany(world, fails, 5);
  await world.waitFor(
    async () => (await world.db.message.count({ where: { reasonCode: 'daily_cap', state: 'failed' } })) === 3,
  );
  await world.advanceUntil(() => failing.every((id) => world.highlevel.listStatuses(id).length === 1));
  expect(failing.map((id) => world.highlevel.listStatuses(id)[0]).sort()).toEqual([
    'delivered',
    'delivered',
    'failed',
    'failed',
    'failed',
  ]);
  const sentBy = (locationId: string) => world.vendor.requests.filter(({ body }) => body.locationId === locationId).length;
  expect(sentBy(waits.id)).toBe(2);
  await world.advanceUntil(() => sentBy(waits.id) === 4, 'the next day', 3_600_000);
  await world.advanceUntil(() => sentBy(waits.id) === 5, 'the day after', 3_600_000);
});

test('the sends of today still count after the hourly cleanup, however long ago the cap was set', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ dailyCap: 2 });
  world.clock.jump(40 * 24 * 3_600_000);
  await sendMany(world, location, 2);
  await world.advanceUntil(() => world.vendor.requests.length === 2);
  await runCleanup(world.services);
  await sendMany(world, location, 1);
  await world.waitFor(async () => (await world.db.message.count({ where: { reasonCode: 'daily_cap' } })) === 1);
  expect(world.vendor.requests).toHaveLength(2);
});

test('an attempt that the vendor could not accept is not counted: a cap is one of messages, not of attempts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ dailyCap: 2, whenOver: 'fail' });
  world.vendor.respondWith(() => (world.vendor.requests.length <= 6 ? { status: 503 } : { body: { status: 'delivered' } }));
  const ids = await sendMany(world, location, 2);
  await world.advanceUntil(() => ids.every((id) => world.highlevel.listStatuses(id).length > 0), 'both are reported', 10_000);
  expect(ids.map((id) => world.highlevel.listStatuses(id).join())).toEqual(['delivered', 'delivered']);
  const [third = ''] = await sendMany(world, location, 1);
  await world.advanceUntilReported(third);
  expect((await world.getMessage(third)).reasonCode).toBe('daily_cap');
});

test('a send that is refunded while a group is about to be paused for the day is used, and the group is not paused', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id: locationId } = await world.setUpLocation({ dailyCap: 1 });
  const connection = (await findConnection(world.services, { locationId, providerKey: 'sms' })) as Connection;
  const route = { connection, sender: null, outbound: { to: '+12025550143' } };
  expect(await checkSendLimits(world.services, route)).toBeNull();
  let checks = 0;
  const db = createHookedDatabase(world.services.db, '$queryRaw', async () => {
    checks += 1;
    if (checks === 1) await refundDailyCap(world.services, route, world.clock.now());
  });
  expect(await checkSendLimits({ ...world.services, db }, route)).toBeNull();
  expect(checks).toBe(3);
  expect(await world.db.rateLimitRow.count({ where: { pausedUntil: { not: null } } })).toBe(0);
  expect(await checkSendLimits(world.services, route)).toMatchObject({ wait: { reason: { code: 'daily_cap' } } });
});

test('a failed refund does no harm', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ dailyCap: 5 });
  const rename = async (from: string, to: string) => world.db.$executeRawUnsafe(`ALTER TABLE ${from} RENAME TO ${to}`);
  world.vendor.respondWith(async () => {
    if (world.vendor.requests.length > 1) return { body: { status: 'delivered' } };
    await rename('rate_limits', 'rate_limits_away');
    return { status: 503 };
  });
  const [id = ''] = await sendMany(world, location, 1);
  await world.waitFor(async () => (await world.getMessage(id)).retryCount === 1);
  await world.waitFor(async () => (await world.db.job.count({ where: { workerId: { not: null } } })) === 0);
  await rename('rate_limits_away', 'rate_limits');
  await world.advanceUntilReported(id);
  expect(world.vendor.requests).toHaveLength(2);
  expect(await world.db.attempt.count()).toBe(2);
});
