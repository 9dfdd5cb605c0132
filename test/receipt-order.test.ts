import { startWorld, type World } from './support/world.ts';

/** Which message a receipt is of, when a vendor gives an id again or speaks before it responds. */

type Location = Awaited<ReturnType<World['ready']>>;

const say = (world: World, { connectionId }: Location, externalId: string, status: string, more: object = {}) =>
  world.callback(connectionId, 'status', { externalId, status, ...more }).expect(202);

const send = async (world: World, location: Location) =>
  (await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' })).messageId;

const accept = (externalId: string) => ({ body: { externalId, status: 'accepted' } });

const isAwaited = (world: World, messageId: string) => async () =>
  (await world.message(messageId)).reasonCode === 'awaiting_receipt';

test('what is said between an attempt without a response and its repeat counts', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers('cut');
  const messageId = await send(world, location);
  await world.until(async () => (await world.message(messageId)).retryCount === 1);
  await say(world, location, 'x', 'delivered');
  world.farSide.answers(accept('x'));
  await world.untilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('what is said before an attempt that can’t have been taken does not count', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers({ status: 503 });
  const messageId = await send(world, location);
  await world.until(async () => (await world.message(messageId)).retryCount === 1);
  await say(world, location, 'x', 'failed');
  world.farSide.answers(accept('x'));
  await world.until(isAwaited(world, messageId));
  expect(await world.message(messageId)).toMatchObject({ state: 'pending' });
});

test('what was said in the same millisecond before an attempt began is of another message', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers(accept('x'));
  await say(world, location, 'x', 'failed');
  const messageId = await send(world, location);
  await world.soon(isAwaited(world, messageId));
  expect(await world.message(messageId)).toMatchObject({ state: 'pending' });
});

test('what was said of an id before, and is said again during the attempt, counts', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  await say(world, location, 'x', 'delivered');
  await world.pass(5_000);
  world.farSide.answers(async () => {
    await say(world, location, 'x', 'delivered');
    return accept('x');
  });
  const messageId = await send(world, location);
  await world.untilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('an id that is given again is the newer message’s, from the moment that its attempt began', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers(accept('x'));
  const first = await send(world, location);
  await world.until(isAwaited(world, first));
  await say(world, location, 'x', 'delivered');
  await world.untilReported(first);
  world.farSide.answers(async () => {
    await say(world, location, 'x', 'delivered');
    return accept('x');
  });
  const second = await send(world, location);
  await world.untilReported(second);
  await say(world, location, 'x', 'read');
  await world.until(() => world.highlevel.listStatuses(second).includes('read'));
  await world.pass(5_000);
  expect(world.highlevel.listStatuses(first)).toEqual(['delivered']);
});

test('an id that an older message is given after a newer one is the older message’s from then on', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550144' });
  world.farSide.answers({ status: 503 });
  const older = await send(world, location);
  await world.until(async () => (await world.message(older)).retryCount === 1);
  world.farSide.answers(accept('x'));
  const { messageId: newer } = await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'hi' });
  await world.soon(isAwaited(world, newer));
  await world.until(isAwaited(world, older));
  await say(world, location, 'x', 'delivered');
  await world.untilReported(older);
  expect(world.highlevel.listStatuses(newer)).toEqual([]);
});

test('a receipt of an id that names no message of ours is no row', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.ready();
  const id = '01890000-0000-7000-8000-00000000dead';
  await world.callback(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  expect(await world.db.receipt.count()).toBe(0);
});
