import { createReceiptRecorder } from '../../src/messages/reporting/record-receipt.ts';
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
  const another = createReceiptRecorder(world.services);

  for (let round = 0; round < 20; round++) {
    const heard = world.farSide.requests.flatMap(({ body }) => {
      const receipt = { messageId: body.id, state: 'delivered' as const };
      return [world.services.recordReceipt(connection, receipt), another(connection, receipt)];
    });
    await expect(Promise.all(heard)).resolves.toHaveLength(10);
  }
  const rows = await world.db.receipt.findMany({ select: { repeats: true } });
  expect(rows.map(({ repeats }) => repeats)).toEqual([39, 39, 39, 39, 39]);
});

test('what two processes hear of an id while a send is given it all counts, each word once', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const another = createReceiptRecorder(world.services);
  const connection = { id: location.connectionId };
  for (let round = 0; round < 10; round++) {
    const externalId = `far-${round}`;
    const heard: Promise<void>[] = [];
    const say = () => {
      for (const record of [world.services.recordReceipt, another]) {
        for (const state of ['delivered', 'read'] as const) heard.push(record(connection, { externalId, state }));
      }
    };
    world.farSide.answers(() => {
      say();
      return { body: { externalId, status: 'accepted' } };
    });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.soon(async () => (await world.message(messageId)).externalId === externalId);
    say();
    await Promise.all(heard);
    const { id, state } = await world.message(messageId);
    expect(state).toBe('read');
    const rows = await world.db.receipt.findMany({ where: { externalId }, orderBy: { state: 'asc' } });
    expect(rows.map((row) => [row.messageId, row.state, row.repeats])).toEqual([
      [id, 'delivered', 3],
      [id, 'read', 3],
    ]);
  }
});
