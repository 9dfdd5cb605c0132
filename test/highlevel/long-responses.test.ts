import { startWorld } from '../support/world.ts';

/** HighLevel's responses that are longer than anything it has to say: the status line decides. */

const megabytes = { message: 'x'.repeat(2 * 1024 * 1024) };

test('a report that is accepted at length is accepted', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 200, body: megabytes } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reportedState === 'delivered');
  await world.advance(30_000, 5_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(1);
});

test('an answer of a contact that is refused at length is refused, and not posted again', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 9, effect: { status: 422, body: megabytes } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'failed' } })) === 1);
});

test('an answer of a contact whose post is accepted at length may stand: it is not said that nothing was stored', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 200, body: megabytes } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.findFirst())?.reasonCode === 'highlevel_unreachable');
  expect((await world.db.message.findFirst())?.postStartedAt).not.toBeNull();
});
