import { startWorld, type World } from '../../support/world.ts';

/** The message of a receipt, when a vendor reuses an id or sends the receipt before its response. */

type Location = Awaited<ReturnType<World['setUpLocation']>>;

const sendReceipt = (world: World, { connectionId }: Location, externalId: string, status: string, more: object = {}) =>
  world.postChannelWebhook(connectionId, 'status', { externalId, status, ...more }).expect(202);

const send = async (world: World, location: Location) =>
  (await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' })).messageId;

const accept = (externalId: string) => ({ body: { externalId, status: 'accepted' } });

const isAwaited = (world: World, messageId: string) => async () =>
  (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt';

test('a receipt between an attempt without a response and its repeat counts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith('cut');
  const messageId = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 1);
  await sendReceipt(world, location, 'x', 'delivered');
  world.vendor.respondWith(accept('x'));
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a receipt before an attempt that the vendor can’t have accepted does not count', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 503 });
  const messageId = await send(world, location);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 1);
  await sendReceipt(world, location, 'x', 'failed');
  world.vendor.respondWith(accept('x'));
  await world.advanceUntil(isAwaited(world, messageId));
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
});

test('a receipt in the same millisecond before an attempt started is of another message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(accept('x'));
  await sendReceipt(world, location, 'x', 'failed');
  const messageId = await send(world, location);
  await world.waitFor(isAwaited(world, messageId));
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
});

test('a receipt of an id that came before, and comes again during the attempt, counts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await sendReceipt(world, location, 'x', 'delivered');
  await world.advance(5_000);
  world.vendor.respondWith(async () => {
    await sendReceipt(world, location, 'x', 'delivered');
    return accept('x');
  });
  const messageId = await send(world, location);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('an id that the vendor reuses is the newer message’s, from the start of its attempt', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(accept('x'));
  const first = await send(world, location);
  await world.advanceUntil(isAwaited(world, first));
  await sendReceipt(world, location, 'x', 'delivered');
  await world.advanceUntilReported(first);
  world.vendor.respondWith(async () => {
    await sendReceipt(world, location, 'x', 'delivered');
    return accept('x');
  });
  const second = await send(world, location);
  await world.advanceUntilReported(second);
  await sendReceipt(world, location, 'x', 'read');
  await world.advanceUntil(() => world.highlevel.listStatuses(second).includes('read'));
  await world.advance(5_000);
  expect(world.highlevel.listStatuses(first)).toEqual(['delivered']);
});

test('an id that the vendor gives an older message after a newer one is the older message’s from then on', async () => {
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
  await sendReceipt(world, location, 'x', 'delivered');
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
