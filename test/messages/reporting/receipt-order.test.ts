import { startWorld, type World } from '../../support/world.ts';

/** Which message a receipt is of, when a vendor gives an id again or speaks before it responds. */

type Location = Awaited<ReturnType<World['setUpLocation']>>;

const say = (world: World, { connectionId }: Location, externalId: string, status: string, more: object = {}) =>
  world.postChannelWebhook(connectionId, 'status', { externalId, status, ...more }).expect(202);

const send = async (world: World, location: Location) =>
  (await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' })).messageId;

const accept = (externalId: string) => ({ body: { externalId, status: 'accepted' } });

const isAwaited = (world: World, messageId: string) => async () =>
  (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt';

test('what is said between an attempt without a response and its repeat counts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith('cut');
  const messageId = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 1);
  await say(world, location, 'x', 'delivered');
  world.vendor.respondWith(accept('x'));
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('what is said before an attempt that can’t have been taken does not count', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 503 });
  const messageId = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 1);
  await say(world, location, 'x', 'failed');
  world.vendor.respondWith(accept('x'));
  await world.advanceUntil(isAwaited(world, messageId));
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
});

test('what was said in the same millisecond before an attempt began is of another message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(accept('x'));
  await say(world, location, 'x', 'failed');
  const messageId = await send(world, location);
  await world.waitFor(isAwaited(world, messageId));
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
});

test('what was said of an id before, and is said again during the attempt, counts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await say(world, location, 'x', 'delivered');
  await world.advance(5_000);
  world.vendor.respondWith(async () => {
    await say(world, location, 'x', 'delivered');
    return accept('x');
  });
  const messageId = await send(world, location);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('an id that is given again is the newer message’s, from the moment that its attempt began', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(accept('x'));
  const first = await send(world, location);
  await world.advanceUntil(isAwaited(world, first));
  await say(world, location, 'x', 'delivered');
  await world.advanceUntilReported(first);
  world.vendor.respondWith(async () => {
    await say(world, location, 'x', 'delivered');
    return accept('x');
  });
  const second = await send(world, location);
  await world.advanceUntilReported(second);
  await say(world, location, 'x', 'read');
  await world.advanceUntil(() => world.highlevel.listStatuses(second).includes('read'));
  await world.advance(5_000);
  expect(world.highlevel.listStatuses(first)).toEqual(['delivered']);
});

test('an id that an older message is given after a newer one is the older message’s from then on', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550144' });
  world.vendor.respondWith({ status: 503 });
  const older = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(older)).retryCount === 1);
  world.vendor.respondWith(accept('x'));
  const { messageId: newer } = await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'hi' });
  await world.waitFor(isAwaited(world, newer));
  await world.advanceUntil(isAwaited(world, older));
  await say(world, location, 'x', 'delivered');
  await world.advanceUntilReported(older);
  expect(world.highlevel.listStatuses(newer)).toEqual([]);
});

test('a receipt of an id that names no message of ours is no row', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const id = '01890000-0000-7000-8000-00000000dead';
  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  expect(await world.db.receipt.count()).toBe(0);
});
