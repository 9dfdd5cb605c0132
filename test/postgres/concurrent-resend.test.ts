import { requeueMessages } from '../../src/messages/recovery/dead-letters.ts';
import { waitForBlockedTransaction } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

test('a failure that is told once more while its message is just being sent again does not undo that', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const say = (content: object) => world.postChannelWebhook(location.connectionId, 'status', { id, ...content }).expect(202);
  await say({ status: 'failed' });

  const { db } = world.services;
  let repeated: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx) => {
    await requeueMessages(world.services, tx, [id]);
    repeated = say({ status: 'failed' }).then(() => undefined);
    await waitForBlockedTransaction(db);
  });
  await repeated;
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
});
