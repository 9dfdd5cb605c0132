import { findHeldConnections } from '../../src/alerts/rules/connection-held.ts';
import { createAndroidSmsGatewayChannel } from '../../src/channels/android-sms-gateway/android-sms-gateway.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { startWorld } from '../support/world.ts';
import { type AndroidWorld, message, startAndroidWorld, webhookUrl } from './android-world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const send = (world: AndroidWorld, key: string) =>
  world.channel.send(world.createContext(), { ...message, idempotencyKey: key });
const verify = (world: AndroidWorld) => world.channel.setup?.verify(world.createContext());

test('a phone that has left a message unfetched for half an hour is offline: no further message is handed over', async () => {
  await using world = await startAndroidWorld();
  world.android.setOnline(world.device.id, false);
  expect(await send(world, 'a')).toMatchObject({ kind: 'accepted' });
  await world.clock.tick(29 * minuteMs);
  expect(await send(world, 'b')).toMatchObject({ kind: 'accepted' });
  await world.clock.tick(6 * minuteMs);
  const outcome = await send(world, 'c');
  expect(outcome).toMatchObject({ kind: 'connection_error', code: 'phone_offline' });
  expect(outcome).toMatchObject({
    message: expect.stringContaining('last seen on 2026-03-01 10:00 UTC, and messages wait for it'),
  });
  expect(world.android.state.messages.map(({ id }) => id)).toEqual(['a', 'b']);
  // A check says the same, so that it ends no hold too early.
  expect(await verify(world)).toMatchObject({ kind: 'rejected', problems: [{ code: 'phone_offline' }] });
  world.android.setOnline(world.device.id, true);
  expect(await verify(world)).toMatchObject({ kind: 'verified' });
  expect(await send(world, 'c')).toMatchObject({ kind: 'accepted' });
});

test('a phone that sleeps for hours, and has fetched all, is not offline: a push wakes it', async () => {
  await using world = await startAndroidWorld();
  world.android.setOnline(world.device.id, false);
  await world.clock.tick(7 * hourMs);
  expect(await verify(world)).toMatchObject({ kind: 'verified' });
  expect(await send(world, 'a')).toMatchObject({ kind: 'accepted' });
});

test('a phone that was not seen for twelve hours is offline, also without a message for it', async () => {
  await using world = await startAndroidWorld();
  world.android.setOnline(world.device.id, false);
  await world.clock.tick(12 * hourMs + minuteMs);
  expect(await verify(world)).toMatchObject({ kind: 'rejected', problems: [{ code: 'phone_offline' }] });
  expect(await send(world, 'a')).toMatchObject({ kind: 'connection_error', code: 'phone_offline' });
});

test('a phone that is online is asked about once in five minutes', async () => {
  await using world = await startAndroidWorld();
  const countChecks = () => world.calls.filter(({ path }) => path === '/devices').length;
  for (const key of ['a', 'b', 'c']) await send(world, key);
  expect(countChecks()).toBe(1);
  await world.clock.tick(5 * minuteMs);
  await send(world, 'd');
  expect(countChecks()).toBe(2);
});

test('the first webhook of a phone that was offline ends the hold, once', async () => {
  await using world = await startAndroidWorld();
  const context = world.createContext();
  const receive = async () => {
    const { url, headers, body } = world.android.sign(`${webhookUrl}/webhook`, 'app:started', { simCards: [] });
    const request = { method: 'POST' as const, path: url.slice(webhookUrl.length + 1), query: new URLSearchParams() };
    return (await world.channel.webhooks?.receive(context, { ...request, headers, body: Buffer.from(body) }))?.events;
  };
  expect(await receive()).toEqual([]);
  world.android.setOnline(world.device.id, false);
  await world.clock.tick(13 * hourMs);
  await world.channel.send(context, message);
  expect(await receive()).toEqual([{ kind: 'connection', status: 'up' }]);
  expect(await receive()).toEqual([]);
});

test('in the program a phone that is offline holds the connection with an alert, and its return sends what waited', async () => {
  await using world = await startWorld({
    channels: () => indexChannels([createAndroidSmsGatewayChannel({ allowPrivateTargets: true })]),
  });
  await using vendor = await startAndroidWorld({ clock: world.clock });
  const { device, android } = vendor;
  const location = await world.install();
  const { config } = vendor.createContext().connection;
  const stored = await world.api.put(`/locations/${location.id}/channels/sms`, { type: 'android_sms_gateway', config });
  expect(stored.status).toBe(200);
  Object.assign(device, { isOnline: false, lastSeenAt: world.clock.now() - 13 * hourMs });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'waits' });
  const find = () => world.db.connection.findFirstOrThrow();
  await world.advanceUntil(async () => (await find()).status === 'held');
  expect(await find()).toMatchObject({ statusCode: 'phone_offline', statusReason: expect.stringContaining('last seen on') });
  expect((await world.getMessage(messageId)).state).toBe('pending');
  // The alert of held connections.
  expect(await findHeldConnections(world.db)).toMatchObject([{ details: expect.stringContaining('is offline') }]);
  device.isOnline = true;
  await world.advanceUntil(async () => (await find()).status === 'active');
  await world.advanceUntil(() => android.state.messages.some(({ text }) => text === 'waits'));
  expect(await findHeldConnections(world.db)).toEqual([]);
});
