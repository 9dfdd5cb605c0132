import { requeueMessages } from '../../src/messages/recovery/send-again.ts';
import { waitForBlockedStatement } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

test('a repeated failed receipt does not undo a resend of its message that is not committed yet', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const postReceipt = (content: object) =>
    world.postChannelWebhook(location.connectionId, 'status', { id, ...content }).expect(202);
  await postReceipt({ status: 'failed' });

  const { db } = world.services;
  let repeated: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx) => {
    await requeueMessages(world.services, tx, [id]);
    repeated = postReceipt({ status: 'failed' }).then(() => undefined);
    await waitForBlockedStatement(db, 'SELECT 1 FROM messages');
  });
  await repeated;
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
});
