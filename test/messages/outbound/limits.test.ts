import { indexChannels } from '../../../src/channels/registry.ts';
import type { Connection } from '../../../src/connections/connection.ts';
import { findConnection } from '../../../src/connections/find.ts';
import { restoreGroupLimits } from '../../../src/connections/limits.ts';
import { checkSendLimits } from '../../../src/messages/outbound/send-limits.ts';
import { runCleanup } from '../../../src/worker/cleanup.ts';
import { createScriptedChannel } from '../../support/scripted-channel.ts';
import { sendMany } from '../../support/send-many.ts';
import { startWorld } from '../../support/world.ts';

const at = (time: string) => new Date(time).getTime();

test('a location with many queued messages does not delay another’s by more than one send', async () => {
  await using world = await startWorld();
  const busy = await world.setUpLocation({ concurrency: 2 });
  const other = await world.setUpLocation({ concurrency: 2 });
  const waiting: (() => void)[] = [];
  world.vendor.respondWith(async ({ body }) => {
    if (body.locationId === busy.id) await new Promise<void>((done) => waiting.push(done));
    return { body: { status: 'delivered' } };
  });
  await sendMany(world, busy, 60);
  await world.waitFor(() => waiting.length === 2);
  const [messageId = ''] = await sendMany(world, other, 1);
  await world.waitFor(() => world.vendor.requests.some(({ body }) => body.locationId === other.id));
  // It waited for no send of the busy location, and never did more than two run.
  expect(world.vendor.requests.filter(({ body }) => body.locationId === busy.id)).toHaveLength(2);
  await world.advanceUntilReported(messageId);
  while (world.vendor.requests.length < 61) {
    expect(waiting.length).toBeLessThanOrEqual(2);
    const before = world.vendor.requests.length;
    for (const release of waiting.splice(0)) release();
    await world.waitFor(() => world.vendor.requests.length > before || world.vendor.requests.length === 61);
  }
  for (const release of waiting.splice(0)) release();
});

test('a message that the vendor throttles twenty times, as all of the account, is sent within the hour', async () => {
  const { channel, script } = createScriptedChannel();
  await using world = await startWorld({ channels: () => indexChannels([channel]) });
  const location = await world.install();
  await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'scripted', config: {} }).expect(200);
  script.send = async () =>
    script.sends.length <= 20
      ? { kind: 'unavailable', code: 'throttled', message: 'Too many.', isConnectionWide: true, retryAfterMs: 1_000 }
      : { kind: 'delivered', externalIds: ['vendor-1'] };
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  const startedAt = world.clock.now();
  await world.advanceUntil(() => script.sends.length === 21, 'sent', 10_000);
  expect(world.clock.now() - startedAt).toBeLessThan(60 * 60_000);
  await world.advanceUntilReported(messageId);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered', retryCount: 0 });
});

test('outside of its hours a connection makes no send, every message shows the reason, and sending resumes when the hours begin', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({
    sendingWindow: { from: '09:00', to: '18:00', days: ['mon', 'tue', 'wed', 'thu', 'fri'] },
  });
  await world.waitFor(async () => (await world.db.installation.count({ where: { timezone: 'America/New_York' } })) > 0);
  // Saturday noon in New York.
  world.clock.jump(nextWeekday(world.clock.now(), 6, 17) - world.clock.now());
  const ids = await sendMany(world, location, 3);
  await world.waitFor(async () => {
    const { body } = await world.api.get(`/locations/${location.id}/messages`);
    return body.items.every(({ reason }: { reason: { code: string } | null }) => reason?.code === 'outside_window');
  });
  await world.advance(3_600_000, 600_000);
  expect(world.vendor.requests).toHaveLength(0);
  // Monday, a quarter past nine there.
  world.clock.jump(nextWeekday(world.clock.now(), 1, 14) + 15 * 60_000 - world.clock.now());
  await world.advanceUntil(() => world.vendor.requests.length === 3);
  await world.advanceUntilReported(ids[2] as string);
});

test('in the quiet hours of a contact’s country its messages wait in order and show why, while others are sent', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ quietHours: 'by_country' });
  const german = world.highlevel.addContact(location.id, { phone: '+4915112345678' });
  const send = async (contactId: string, text: string) =>
    (await world.highlevel.sendMessage(location.id, { contactId, text })).messageId;
  // Six o'clock in the morning in Washington.
  world.clock.jump(nextWeekday(world.clock.now(), 2, 11) - world.clock.now());
  const ids = [await send(location.contact.id, 'first'), await send(location.contact.id, 'second')];
  await world.advanceUntilReported(await send(german.id, 'guten Tag'));
  const { body } = await world.api.get(`/messages/${(await world.getMessage(ids[0] as string)).id}`).expect(200);
  expect(body).toMatchObject({ status: 'pending', reason: { code: 'quiet_hours' } });
  expect(toHour(body.nextAttemptAt)).toBe(13);
  expect(world.vendor.requests).toHaveLength(1);
  await world.advanceUntil(() => world.vendor.requests.length === 3, 'both are sent', 10 * 60_000);
  expect(world.vendor.requests.map(({ body: { text } }) => text)).toEqual(['guten Tag', 'first', 'second']);
  expect(new Date(world.clock.now()).getUTCHours()).toBeGreaterThanOrEqual(13);
});

test('quiet hours fail a message where the setting says so, and a message that waits is checked again each hour', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id: locationId } = await world.setUpLocation({ quietHours: 'by_country' });
  const connection = (await findConnection(world.services, { locationId, providerKey: 'sms' })) as Connection;
  // Ten o'clock in the evening in Washington.
  world.clock.jump(nextWeekday(world.clock.now(), 4, 3) - world.clock.now());
  const check = (config: object, to: string) =>
    checkSendLimits(world.services, {
      connection: { ...connection, config: { ...connection.config, ...config } },
      sender: null,
      outbound: { to },
    });
  const now = world.clock.now();
  expect(await check({}, '+12025550143')).toMatchObject({
    wait: { at: new Date(now + 10 * 3_600_000), dueAt: new Date(now + 3_600_000), reason: { code: 'quiet_hours' } },
  });
  expect(await check({ whenOver: 'fail' }, '+12025550143')).toMatchObject({ rejected: { code: 'quiet_hours' } });
  expect(await check({ quietHours: 'off' }, '+12025550143')).toBeNull();
  expect(await check({}, 'maya@example.com')).toBeNull();
  expect(await check({}, '+4915112345678')).toBeNull();
});

const toHour = (time: string) => new Date(time).getUTCHours();

/** Returns the next such weekday (0 is Sunday) at an hour of UTC. */
function nextWeekday(nowMs: number, weekday: number, hour: number): number {
  const date = new Date(nowMs);
  date.setUTCHours(hour, 0, 0, 0);
  while (date.getUTCDay() !== weekday || date.getTime() <= nowMs) date.setUTCDate(date.getUTCDate() + 1);
  return date.getTime();
}

test('a message in retry holds back its contact’s later ones until it fails after the configured time', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ giveUpAfterMinutes: 10 });
  world.vendor.respondWith(({ body }) =>
    body.text === 'first' ? { status: 503, body: {} } : { body: { status: 'delivered' } },
  );
  const send = (text: string) => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text });
  const first = await send('first');
  const second = await send('second');
  await world.waitFor(() => world.vendor.requests.length === 1);
  await world.advance(100_000);
  expect(world.vendor.requests.every(({ body }) => body.text === 'first')).toBe(true);
  await world.advanceUntil(
    () => world.vendor.requests.some(({ body }) => body.text === 'second'),
    'the second one goes',
    10_000,
  );
  await world.advanceUntilReported(second.messageId);
  expect(world.highlevel.listStatuses(first.messageId)).toEqual(['failed']);
  expect((await world.getMessage(first.messageId)).reasonCode).toBe('http_503');
});

test('HighLevel’s calls are made by priority: replies and failures, then `delivered`, then `read`', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(({ body }) =>
    body.text === 'text 30'
      ? { status: 400, body: { error: { code: 'no', message: 'no' } } }
      : { body: { status: 'delivered', externalId: `x-${body.id}` } },
  );
  // The limit is used up, so that all reports wait together.
  const key = `highlevel/${location.id}`;
  const pauseFields = { pausedUntil: new Date(world.clock.now() + 60_000) };
  await world.db.rateLimitRow.upsert({
    where: { key },
    create: { key, tatAt: new Date(), ...pauseFields },
    update: pauseFields,
  });
  const ids = await sendMany(world, location, 31);
  await world.waitFor(async () => (await world.db.message.count({ where: { state: { not: 'pending' } } })) === 31);
  const reader = await world.getMessage(ids[0] as string);
  await world.db.job.deleteMany({ where: { messageId: reader.id } });
  await world.db.message.update({ where: { id: reader.id }, data: { reportedState: 'delivered' } });
  await world.postChannelWebhook(location.connectionId, 'status', { id: reader.id, status: 'read' }).expect(202);
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hello' })
    .expect(202);
  const begin = world.highlevel.calls.listByOperation('updateMessageStatus').length;
  await world.waitFor(async () => (await world.db.job.count({ where: { queue: 'highlevel' } })) === 32);
  world.clock.jump(61_000);
  // In small steps: each call must have time to arrive before the next is made.
  await world.advanceUntil(
    () => ids.slice(1).every((id) => world.highlevel.listStatuses(id).length > 0),
    'all are reported',
    20,
  );
  await world.advanceUntil(() => world.highlevel.listStatuses(ids[0] as string).includes('read'));
  const statuses = world.highlevel.calls.listByOperation('updateMessageStatus').slice(begin);
  // Calls that are made together have no order.
  const positionOf = (id: string | undefined) => statuses.findIndex(({ path }) => path.includes(id ?? ''));
  expect(positionOf(ids[30])).toBeLessThan(10);
  expect(positionOf(ids[0])).toBe(statuses.length - 1);
  const answeredAt = world.highlevel.calls.listByOperation('addInboundMessage')[0]?.at ?? Number.POSITIVE_INFINITY;
  expect(answeredAt).toBeLessThanOrEqual(statuses[12]?.at ?? 0);
});

test('when HighLevel’s daily quota is used up, all calls of the location wait, show the reason, and resume when it renews', async () => {
  await using world = await startWorld({ behaviour: { dailyLimit: 3 } });
  const location = await world.setUpLocation();
  const ids = await sendMany(world, location, 6);
  await world.waitFor(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 6);
  await world.advanceUntil(
    async () => (await world.db.rateLimitRow.count({ where: { pauseCode: 'highlevel_day_used' } })) === 1,
  );
  const { body } = await world.api.get('/overview').expect(200);
  expect(body.limits).toEqual([
    expect.objectContaining({
      locationId: location.id,
      quotaRemaining: 0,
      reason: expect.objectContaining({ code: 'highlevel_day_used' }),
    }),
  ]);
  await world.advance(31 * 60_000, 60_000);
  // The headers do not name the time of renewal, so one call probes every ten minutes, and no more.
  const refusedAt = world.highlevel.calls.all.filter(({ refusal }) => refusal === 'rate').map(({ at }) => at);
  const attemptTimes = refusedAt.filter((at) => at > (refusedAt[0] ?? 0) + 60_000);
  expect(attemptTimes.length).toBeGreaterThanOrEqual(2);
  expect(attemptTimes.length).toBeLessThanOrEqual(3);
  world.highlevel.calls.all.length = 0;
  world.highlevel.behaviour.dailyLimit = 200_000;
  await world.advanceUntil(
    () => ids.every((id) => world.highlevel.listStatuses(id).join() === 'delivered'),
    'all are reported',
    10_000,
  );
});

test('dead letters are listed with their reasons, and all that match a filter are redriven, with progress', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const refusal = (code: string) => ({ status: 400, body: { error: { code, message: 'not now' } } });
  world.vendor.respondWith(({ body }) => refusal(Number(body.text?.split(' ')[1]) % 2 === 0 ? 'even' : 'odd'));
  const ids = await sendMany(world, location, 10);
  await world.advanceUntil(() => ids.every((id) => world.highlevel.listStatuses(id).join() === 'failed'));
  const listed = await world.api.get(`/locations/${location.id}/dead-letters?reason=even&limit=3`).expect(200);
  expect(listed.body.items).toHaveLength(3);
  expect(listed.body.items[0].reason).toEqual({ code: 'even', message: 'not now' });

  world.vendor.respondWith({ body: { status: 'delivered' } });
  const { body } = await world.api.post(`/locations/${location.id}/redrives`, { reason: 'even' }).expect(202);
  expect(body).toMatchObject({ totalCount: 5, doneCount: 0, endedAt: null });
  await world.advanceUntil(async () => {
    const { body: page } = await world.api.get(`/locations/${location.id}/redrives`).expect(200);
    return page.items[0].doneCount === 5 && page.items[0].endedAt !== null;
  });
  await world.advanceUntil(() => ids.filter((id) => world.highlevel.listStatuses(id).includes('delivered')).length === 5);
  const { body: left } = await world.api.get(`/locations/${location.id}/dead-letters`).expect(200);
  expect(left.items.map(({ reason }: { reason: { code: string } }) => reason.code)).toEqual(Array(5).fill('odd'));
  expect(at(body.startedAt)).toBeLessThanOrEqual(world.clock.now());
});

test('a connection that has long been idle keeps its limits, and limits that an earlier version removed are restored', async () => {
  await using world = await startWorld({ isIdle: true });
  const place = await world.setUpLocation({ ratePerSecond: 5, concurrency: 2, dailyCap: 10 });
  const key = `sending/${place.id}/sms`;
  const before = await world.db.rateLimitRow.findUniqueOrThrow({ where: { key } });
  world.clock.jump(40 * 24 * 3_600_000);
  await runCleanup(world.services);
  expect(await world.db.rateLimitRow.findUnique({ where: { key } })).toEqual(before);
  expect(before).toMatchObject({ intervalMs: 200, burst: 1, concurrency: 2 });

  await world.db.rateLimitRow.deleteMany({});
  await restoreGroupLimits(world.services);
  expect(await world.db.rateLimitRow.findUnique({ where: { key } })).toMatchObject({
    intervalMs: 200,
    burst: 1,
    concurrency: 2,
  });
  expect(await world.db.rateLimitRow.count()).toBe(1);
});

test('messages that wait for a limit are sent as soon as the limit is raised, in their order', async () => {
  await using world = await startWorld();
  // A location in a time zone in which the window is closed now.
  const hour = new Date(world.clock.now()).getUTCHours();
  const clockTime = (ahead: number) => `${String((hour + ahead) % 24).padStart(2, '0')}:00`;
  const location = await world.setUpLocation({ sendingWindow: { from: clockTime(10), to: clockTime(12) } });
  const change = { where: { resourceId: location.id }, data: { timezone: 'UTC' } };
  await world.waitFor(async () => (await world.db.installation.count({ where: { timezone: { not: null } } })) > 0);
  await world.db.installation.updateMany(change);
  const contactId = location.contact.id;
  for (const text of ['one', 'two']) await world.highlevel.sendMessage(location.id, { contactId, text });
  await world.waitFor(async () => (await world.db.message.count({ where: { reasonCode: 'outside_window' } })) === 1);
  await world.connect(location.id, 'sms', {});
  await world.advanceUntil(() => world.vendor.requests.length === 2);
  expect(world.vendor.requests.map(({ body }) => body.text)).toEqual(['one', 'two']);

  await world.connect(location.id, 'sms', { ratePerSecond: 0.001 });
  await sendMany(world, location, 1);
  await world.advanceUntil(() => world.vendor.requests.length === 3);
  await world.connect(location.id, 'sms', { ratePerSecond: 100 });
  const startedAt = world.clock.now();
  await sendMany(world, location, 3);
  await world.advanceUntil(() => world.vendor.requests.length === 6);
  expect(world.clock.now() - startedAt).toBeLessThan(10_000);
});
