import { receiptRecorder } from '../../src/messages/record-receipt.ts';
import { startWorld } from '../support/world.ts';

test('two processes that hear the same receipts at once wait for each other and not both for ever', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers({ body: { status: 'accepted' } });
  for (let index = 0; index < 5; index++) {
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: `message ${index}` });
  }
  await world.until(() => world.farSide.requests.length === 5);
  const connection = { id: location.connectionId };
  const another = receiptRecorder(world.services);

  for (let round = 0; round < 20; round++) {
    const heard = world.farSide.requests.flatMap(({ body }) => {
      const receipt = { messageId: body.id, state: 'delivered' as const };
      return [world.services.recordReceipt(connection, receipt), another(connection, receipt)];
    });
    await expect(Promise.all(heard)).resolves.toHaveLength(10);
  }
});
