import { startWorld } from '../support/world.ts';

/** Responses of HighLevel that are longer than expected: the status line decides. */

const megabytes = { message: 'x'.repeat(2 * 1024 * 1024) };

test('a long response that accepts a report counts as accepted', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 200, body: megabytes } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reportedState === 'delivered');
  await world.advance(30_000, 5_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(1);
});

test('a long response that refuses an inbound message counts as refused, and it is not posted again', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 9, effect: { status: 422, body: megabytes } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'failed' } })) === 1);
});

test('a long response to an accepted post may have an id: the message is not called missing', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 200, body: megabytes } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.findFirst())?.reasonCode === 'highlevel_unreachable');
  expect((await world.db.message.findFirst())?.postStartedAt).not.toBeNull();
});
