import { v7 } from 'uuid';
import { toProviderGroupKey } from '../../src/connections/queue-group.ts';
import { toHighLevelGroupKey } from '../../src/highlevel/group-keys.ts';
import { pause, recordQuota } from '../../src/queue/rate-limits.ts';
import { startWorker } from '../../src/worker/queue-handlers.ts';
import { startWorld, type World } from '../support/world.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

async function openOnes(world: World) {
  const { body } = await world.api.get('/alerts?open=true').expect(200);
  return body.items as { kind: string; subject: string; locationId: string | null; details: string }[];
}

/** Advances the clock until the open alerts are of these kinds. */
function advanceUntilOpen(world: World, ...kinds: string[]) {
  const wanted = kinds.sort().join();
  const found = async () => (await openOnes(world)).map(({ kind }) => kind);
  return world.advanceUntil(async () => (await found()).sort().join() === wanted, `open: ${wanted}`, 20_000);
}

async function send(world: World, location: { id: string; contact: { id: string } }, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: `message ${n}` });
  }
}

/** Stores messages of a location as if it had sent them at these times. */
async function sentOn(world: World, locationId: string, times: readonly number[]): Promise<void> {
  await world.db.message.createMany({
    data: times.map((at) => ({
      id: v7({ msecs: at }),
      direction: 'outbound' as const,
      locationId,
      providerKey: 'sms',
      messageType: 'sms' as const,
      state: 'delivered' as const,
      rawPayload: '{}',
      createdAt: new Date(at),
      updatedAt: new Date(at),
    })),
  });
}

test('a channel whose vendor rejects most messages is one alert, which resolves with a run of good attempts', async () => {
  await using world = await startWorld({ watchesAlerts: true });
  const [failing, well] = [await world.setUpLocation(), await world.setUpLocation()];
  const bad = new Set([failing.id]);
  world.vendor.respondWith(({ body }) =>
    bad.has(String(body.locationId)) ? { status: 422, body: { error: 'no' } } : { body: { status: 'delivered' } },
  );
  await send(world, failing, 9);
  await send(world, well, 12);
  const attempts = (count: number) =>
    world.waitFor(
      async () => (await world.db.attempt.count({ where: { outcome: { not: null } } })) === count,
      `${count} attempts`,
    );
  await attempts(21);
  await world.advance(3 * minute, 30_000);
  // Nine attempts are too few.
  expect(await openOnes(world)).toEqual([]);
  await send(world, failing, 3);
  await attempts(24);
  await advanceUntilOpen(world, 'channel_failing');
  expect(await openOnes(world)).toEqual([
    expect.objectContaining({
      subject: failing.connectionId,
      locationId: failing.id,
      details: expect.stringContaining('12 of the last 12 attempts failed'),
    }),
  ]);

  bad.clear();
  await send(world, failing, 5);
  await advanceUntilOpen(world);
  const alerts = await world.db.alert.findMany();
  expect(alerts).toEqual([expect.objectContaining({ kind: 'channel_failing', dedupKey: null, endedAt: expect.any(Date) })]);
});

test('a disconnected channel is an alert until one is connected; so is one that messages need', async () => {
  await using world = await startWorld({ watchesAlerts: true });
  const [left, missing, quiet] = [await world.setUpLocation(), await world.install(), await world.setUpLocation()];
  await world.api.delete(`/locations/${left.id}/channels/sms`).expect(204);
  await send(world, missing, 3);
  await advanceUntilOpen(world, 'channel_disconnected', 'channel_disconnected');
  expect((await openOnes(world)).map(({ subject }) => subject).sort()).toEqual([`${left.id}/sms`, `${missing.id}/sms`].sort());

  await world.connect(left.id);
  await advanceUntilOpen(world, 'channel_disconnected');
  expect(await openOnes(world)).toEqual([expect.objectContaining({ locationId: missing.id })]);
  // No message has needed it for a day.
  await world.advanceUntil(async () => (await openOnes(world)).length === 0, 'a day later', 6 * hour);
  expect(await world.db.alert.count({ where: { locationId: quiet.id } })).toBe(0);
});

test('a location that used to send and falls silent is an alert until its next message', async () => {
  await using world = await startWorld({ isIdle: true });
  // Days are counted in UTC: the test must not cross midnight.
  world.clock.jump(day - (world.clock.now() % day) + 12 * hour);
  const [silent, office, rare] = [await world.setUpLocation(), await world.setUpLocation(), await world.setUpLocation()];
  const today = Math.floor(world.clock.now() / day) * day;
  const times = (days: readonly number[], each: number) =>
    days.flatMap((ago) => Array.from({ length: each }, (_, n) => today - ago * day + 9 * hour + n * minute));
  const lastDays = Array.from({ length: 12 }, (_, n) => n + 3);
  await sentOn(world, silent.id, times(lastDays, 3));
  // Its earlier gaps are as long as this one.
  await sentOn(world, office.id, times([3, 4, 5, 8, 9, 10, 11, 12], 3));
  await sentOn(world, rare.id, times([3, 5, 9], 30));
  // Half of the days are counted: habits are unknown yet.
  const halfway = new Date(today - 7 * day);
  await world.db.periodicTask.create({
    data: { name: 'daily_activity', dueAt: new Date(world.clock.now() + hour), progressUntil: halfway },
  });
  await world.db.dailyActivity.createMany({
    data: Array.from({ length: 7 }, (_, n) => ({
      locationId: office.id,
      day: new Date(today - (n + 8) * day),
      messageCount: 3,
    })),
  });
  const stop = world.startAlertWatcher();
  await world.advance(5 * minute, minute);
  expect(await openOnes(world)).toEqual([]);
  await world.db.periodicTask.update({
    where: { name: 'daily_activity' },
    data: { progressUntil: null, dueAt: new Date(world.clock.now()) },
  });
  await advanceUntilOpen(world, 'location_silent');
  expect(await openOnes(world)).toEqual([
    expect.objectContaining({ locationId: silent.id, details: expect.stringContaining('no message for 48 hours') }),
  ]);
  expect(await world.db.dailyActivity.findMany({ where: { locationId: rare.id }, select: { messageCount: true } })).toEqual([
    { messageCount: 20 },
    { messageCount: 20 },
    { messageCount: 20 },
  ]);

  await send(world, silent, 1);
  await advanceUntilOpen(world);
  // Later days are counted too: today's message is in the counts tomorrow.
  const yesterday = new Date(Math.floor(world.clock.now() / day) * day);
  await world.advanceUntil(
    async () => (await world.db.dailyActivity.count({ where: { locationId: silent.id, day: yesterday } })) === 1,
    'the day is counted',
    hour,
  );
  await stop();
});

test('tokens that must be reconnected are alerts of the location or the agency, until that is done', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  world.highlevel.addCompany({ id: 'CompanyOfTheTests01', name: 'An agency' });
  await world.finishInstall(world.highlevel.approveCompanyInstall('CompanyOfTheTests01', []));
  const both = { resourceId: { in: [location.id, 'CompanyOfTheTests01'] } };
  await world.db.installation.updateMany({ where: both, data: { status: 'reauth_required' } });
  const stop = world.startAlertWatcher();
  await advanceUntilOpen(world, 'reauth_required', 'reauth_required');
  expect((await openOnes(world)).map(({ subject }) => subject).sort()).toEqual([
    'company/CompanyOfTheTests01',
    `location/${location.id}`,
  ]);
  await world.db.installation.updateMany({ where: both, data: { status: 'active' } });
  await advanceUntilOpen(world);
  await stop();
});

test('a daily quota that is almost used is an alert until HighLevel reports more, or for a day', async () => {
  await using world = await startWorld({ isIdle: true, watchesAlerts: true });
  const [low, blocked, fine] = [await world.setUpLocation(), await world.setUpLocation(), await world.setUpLocation()];
  const toRateLimitKey = ({ id }: { id: string }) => toHighLevelGroupKey({ resourceId: id });
  await recordQuota(world.services, toRateLimitKey(low), 9_999);
  await recordQuota(world.services, toRateLimitKey(fine), 10_000);
  const used = { code: 'highlevel_day_used', message: 'used' };
  await pause(world.services, toRateLimitKey(blocked), new Date(world.clock.now() + hour), used);
  await advanceUntilOpen(world, 'quota_low', 'quota_low');
  expect((await openOnes(world)).map(({ locationId }) => locationId).sort()).toEqual([low.id, blocked.id].sort());
  // A slightly higher value is not a new day.
  await recordQuota(world.services, toRateLimitKey(low), 12_000);
  await world.advanceUntil(async () => (await openOnes(world)).length === 1, 'the pause has ended', 10 * minute);
  expect(await openOnes(world)).toEqual([expect.objectContaining({ locationId: low.id })]);
  await recordQuota(world.services, toRateLimitKey(low), 199_000);
  await advanceUntilOpen(world);
});

test('a ready job that waits is an alert; one outside its sending window or behind another of its contact is not', async () => {
  await using world = await startWorld({ isIdle: true, watchesAlerts: true });
  const [ready, blocked, waiting] = [await world.setUpLocation(), await world.setUpLocation(), await world.setUpLocation()];
  await send(world, blocked, 1);
  const groupKey = toProviderGroupKey({ locationId: blocked.id, providerKey: 'sms' });
  await pause(world.services, groupKey, new Date(world.clock.now() + day), { code: 'outside_window', message: 'closed' });
  await send(world, waiting, 2);
  const [first] = await world.db.job.findMany({ where: { groupKey: { contains: waiting.id } }, orderBy: { messageId: 'asc' } });
  await world.db.job.updateMany({
    where: { messageId: first?.messageId as string },
    data: { dueAt: new Date(world.clock.now() + day) },
  });
  await world.advance(8 * minute, minute);
  expect(await openOnes(world)).toEqual([]);

  await send(world, ready, 1);
  await world.advance(4 * minute, minute);
  expect(await openOnes(world)).toEqual([]);
  await advanceUntilOpen(world, 'queue_latency');
  expect(await openOnes(world)).toEqual([expect.objectContaining({ subject: 'deliver', locationId: null })]);
  await startWorker(world.services);
  await advanceUntilOpen(world);
});

test('a burst of invalid signatures is an alert of the operator alone, which resolves when it stops', async () => {
  await using world = await startWorld({ isIdle: true, watchesAlerts: true });
  const forge = () => world.highlevel.postSigned('/webhooks/app', '{}', { signature: null });
  for (let n = 0; n < 20; n++) await forge();
  await world.advance(70_000, 10_000);
  await world.waitFor(async () => (await world.db.signatureFailure.aggregate({ _sum: { count: true } }))._sum.count === 20);
  expect(await openOnes(world)).toEqual([]);
  await forge();
  await advanceUntilOpen(world, 'signatures_invalid');
  const { text } = await world.client.get('/metrics').expect(200);
  expect(text).toContain('patchbay_alerts{kind="signatures_invalid"} 1');
  expect(text).toContain('patchbay_alerts{kind="queue_latency"} 0');
  await advanceUntilOpen(world);
});
