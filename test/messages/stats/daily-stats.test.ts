import { loadDailyStats, rollUpDailyStats } from '../../../src/messages/stats/rollup.ts';
import { summarizeByDay, summarizeStats } from '../../../src/messages/stats/summary.ts';
import { jumpToNoon, storeMessages } from '../../support/stored-messages.ts';
import { startWorld, type World } from '../../support/world.ts';

const hour = 60 * 60 * 1000;
const zone = 'America/New_York';
/** The Tuesday after clocks in New York went back on Sunday, November 1. */
const now = new Date('2026-11-03T15:00:00Z');

const summarize = (world: World, at = now, details = true, locationId = 'here') =>
  loadDailyStats(world.db, [{ locationId, zone }], at, { details });
const sentByDay = (days: Awaited<ReturnType<typeof summarize>>) =>
  Object.fromEntries(
    summarizeByDay(days, 14)
      .filter(({ statistics }) => statistics.sent > 0)
      .map(({ day, statistics }) => [day, statistics.sent]),
  );

test('messages count on the day of their location’s zone, on a day of 25 hours too, by their state', async () => {
  await using world = await startWorld({ isIdle: true });
  await storeMessages(world, 'here', [
    { at: '2026-11-01T03:59:59.999Z', deliveryDelayMs: 1_000 }, // October 31, 23:59:59
    { at: '2026-11-01T04:00:00Z', deliveryDelayMs: 2_000 }, // November 1, 00:00 in summer time
    { at: '2026-11-02T04:59:59.999Z', state: 'read', deliveryDelayMs: 3_000 }, // November 1, 23:59:59 in winter time
    { at: '2026-11-02T05:00:00Z', state: 'failed', reason: ['21610', 'opted out'] },
    { at: '2026-11-02T15:00:00Z', state: 'failed', reason: ['21610', 'opted out'] },
    { at: '2026-11-02T16:00:00Z', state: 'failed', reason: ['no_channel', 'none'] },
    { at: '2026-11-03T14:00:00Z', state: 'pending', reason: ['awaiting_receipt', 'waits'] },
    { at: '2026-11-03T14:00:01Z', state: 'pending', reason: ['interrupted', '?'], isUnknown: true },
    { at: '2026-11-03T14:00:02Z', deliveryDelayMs: 95_400 },
    { at: '2026-11-03T14:30:00Z', direction: 'inbound', deliveryDelayMs: 50 },
    { at: '2026-11-03T14:40:00Z', direction: 'inbound', state: 'failed' },
    { at: '2026-10-21T03:00:00Z' }, // The day before the first of the fourteen
  ]);
  await storeMessages(world, 'elsewhere', [{ at: '2026-11-03T14:00:00Z' }]);
  const days = await summarize(world);
  expect(days.map(({ day }) => day)).toEqual([
    ...Array.from({ length: 11 }, (_, n) => `2026-10-${21 + n}`),
    ...['2026-11-01', '2026-11-02', '2026-11-03'],
  ]);
  expect(sentByDay(days)).toEqual({ '2026-10-31': 1, '2026-11-01': 2, '2026-11-02': 3, '2026-11-03': 3 });
  expect(summarizeStats(days)).toEqual({
    pending: 1,
    unknown: 1,
    delivered: 3,
    read: 1,
    failed: 3,
    posted: 1,
    postPending: 0,
    postFailed: 1,
    sent: 9,
    received: 2,
    deliveryRate: 4 / 7,
    medianMs: 2_000,
    p95Ms: 95_000,
    reasons: [
      { status: 'failed', code: '21610', message: 'opted out', count: 2 },
      expect.objectContaining({ code: 'no_channel', count: 1 }),
      expect.objectContaining({ status: 'pending', code: 'awaiting_receipt' }),
      expect.objectContaining({ status: 'unknown', code: 'interrupted' }),
    ],
  });
  // The last 24 hours are no day.
  expect(days.reduce((sum, { lastDay }) => sum + lastDay.sent, 0)).toBe(5);
  expect(days.at(-1)).toMatchObject({
    lastSentAt: new Date('2026-11-03T14:00:02Z'),
    lastReceivedAt: new Date('2026-11-03T14:40:00Z'),
  });
  expect(summarizeStats(await summarize(world, now, true, 'nowhere'))).toMatchObject({
    sent: 0,
    deliveryRate: null,
    medianMs: null,
  });
});

test('past days are counted once and stored: with the same numbers, and again when they may have changed', async () => {
  await using world = await startWorld({ isIdle: true });
  jumpToNoon(world);
  const at = new Date(world.clock.now());
  const installation = { kind: 'location' as const, resourceId: 'here', timezone: zone, updatedAt: at };
  await world.db.installation.create({ data: installation });
  const daysAgo = (days: number) => at.getTime() - days * 24 * hour;
  await storeMessages(world, 'here', [
    { at: daysAgo(5), deliveryDelayMs: 1_234 },
    { at: daysAgo(5), state: 'failed', reason: ['21610', 'opted out'] },
    { at: daysAgo(5), direction: 'inbound' },
    { at: daysAgo(3), state: 'pending', reason: ['reauth_required', 'waits'] },
    { at: daysAgo(0) - 1 },
  ]);
  const before = await summarize(world, at);
  expect(await rollUpDailyStats(world.services)).toBe(12);
  expect(await rollUpDailyStats(world.services)).toBe(0);
  expect(await summarize(world, at)).toMatchObject(before);
  const storedCount = await world.db.dailyStats.count();
  expect(storedCount).toBe(12);

  // Stored days are returned as they are; the newest two days are always counted.
  await world.db.message.updateMany({ where: { state: { in: ['failed', 'pending'] } }, data: { state: 'delivered' } });
  await storeMessages(world, 'here', [{ at: daysAgo(0) - 1 }]);
  const later = new Date(at.getTime());
  expect(summarizeStats(await summarize(world, later))).toMatchObject({ failed: 1, pending: 1, delivered: 3 });
  // Days with waiting messages are counted again within the hour, others within the day.
  const recount = async (ms: number) => {
    world.clock.jump(ms);
    await rollUpDailyStats(world.services);
    return summarizeStats(await summarize(world, at));
  };
  expect(await recount(hour)).toMatchObject({ failed: 1, pending: 0, delivered: 4 });
  expect(await recount(20 * hour)).toMatchObject({ failed: 0, pending: 0, delivered: 5 });

  // In another zone they are other days: counted anew, at once.
  const moved = await loadDailyStats(world.db, [{ locationId: 'here', zone: 'Asia/Tokyo' }], at, { details: true });
  expect(summarizeStats(moved)).toMatchObject({ sent: 5, delivered: 5, received: 1 });
  world.clock.jump(20 * 24 * hour);
  await rollUpDailyStats(world.services);
  expect(await world.db.dailyStats.count({ where: { day: { lt: new Date(world.clock.now() - 17 * 24 * hour) } } })).toBe(0);
});

test('the delivery time of a message stays when it is read later', async () => {
  await using world = await startWorld();
  const { id, contact, connectionId } = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hello' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  expect((await world.getMessage(messageId)).deliveredAt).toBeNull();
  await world.advance(5_000);
  const recordReceipt = async (status: string) => {
    const { id: ours } = await world.getMessage(messageId);
    await world.postChannelWebhook(connectionId, 'status', { id: ours, status }).expect(202);
    await world.advanceUntil(async () => (await world.getMessage(messageId)).state === status);
    return world.getMessage(messageId);
  };
  const { deliveredAt, createdAt } = await recordReceipt('delivered');
  expect((deliveredAt?.getTime() ?? 0) - createdAt.getTime()).toBeGreaterThanOrEqual(5_000);
  await world.advance(3_000);
  expect((await recordReceipt('read')).deliveredAt).toEqual(deliveredAt);

  // A reply: the time at which it was in its conversation.
  const reply = { externalId: 'in1', from: contact.phone, text: 'hi' };
  await world.postChannelWebhook(connectionId, 'inbound', reply).expect(202);
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { direction: 'inbound', deliveredAt: { not: null } } })) === 1,
  );
});
