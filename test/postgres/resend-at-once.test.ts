import { requeueMessages } from '../../src/messages/recovery/dead-letters.ts';
import { someoneWaits } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

test('a failure that is told once more while its message is just being sent again does not undo that', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.message(messageId);
  const say = (content: object) => world.callback(location.connectionId, 'status', { id, ...content }).expect(202);
  await say({ status: 'failed' });

  const { db } = world.services;
  let repeated: Promise<unknown> = Promise.resolve();
  await db.transaction(async (tx) => {
    await requeueMessages(world.services, tx, [id]);
    repeated = say({ status: 'failed' }).then(() => undefined);
    await someoneWaits(db);
  });
  await repeated;
  await world.until(() => world.farSide.received().length === 2);
});
