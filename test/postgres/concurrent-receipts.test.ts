import { createReceiptRecorder } from '../../src/messages/reporting/record-receipt.ts';
import { startWorld } from '../support/world.ts';

test('two processes that hear the same receipts at once wait for each other and not both for ever', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  for (let index = 0; index < 5; index++) {
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: `message ${index}` });
  }
  await world.advanceUntil(() => world.vendor.requests.length === 5);
  const connection = { id: location.connectionId };
  const another = createReceiptRecorder(world.services);

  for (let round = 0; round < 20; round++) {
    const heard = world.vendor.requests.flatMap(({ body }) => {
      const receipt = { messageId: body.id, state: 'delivered' as const };
      return [world.services.recordReceipt(connection, receipt), another(connection, receipt)];
    });
    await expect(Promise.all(heard)).resolves.toHaveLength(10);
  }
  const rows = await world.db.receipt.findMany({ select: { repeatCount: true } });
  expect(rows.map(({ repeatCount: repeats }) => repeats)).toEqual([39, 39, 39, 39, 39]);
});

test('what two processes hear of an id while a send is given it all counts, each word once', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
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
    world.vendor.respondWith(() => {
      say();
      return { body: { externalId, status: 'accepted' } };
    });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.waitFor(async () => (await world.getMessage(messageId)).externalId === externalId);
    say();
    await Promise.all(heard);
    const { id, state } = await world.getMessage(messageId);
    expect(state).toBe('read');
    const rows = await world.db.receipt.findMany({ where: { externalId }, orderBy: { state: 'asc' } });
    expect(rows.map((row) => [row.messageId, row.state, row.repeatCount])).toEqual([
      [id, 'delivered', 3],
      [id, 'read', 3],
    ]);
  }
});
