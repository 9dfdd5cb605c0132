import { bindAll } from '../../src/compose/bind.ts';
import { toRecipientsReportJob } from '../../src/messages/model/message-jobs.ts';
import { createReceiptRecorder } from '../../src/messages/reporting/record-receipt.ts';
import { updateMessages } from '../../src/messages/settlement/update-messages.ts';
import { startWorld, type World } from '../support/world.ts';

/** Creates the recorder of a second process. */
const createSecondRecorder = ({ services }: World) =>
  createReceiptRecorder({ ...services, ...bindAll(services, { updateMessages, toRecipientsReportJob }) });

test('two processes that record the same receipts at once do not deadlock', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  for (let index = 0; index < 5; index++) {
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: `message ${index}` });
  }
  await world.advanceUntil(() => world.vendor.requests.length === 5);
  const connection = { id: location.connectionId };
  const another = createSecondRecorder(world);

  for (let round = 0; round < 20; round++) {
    const recorded = world.vendor.requests.flatMap(({ body }) => {
      const receipt = { messageId: body.id, state: 'delivered' as const };
      return [world.services.recordReceipt(connection, receipt), another(connection, receipt)];
    });
    await expect(Promise.all(recorded)).resolves.toHaveLength(10);
  }
  const rows = await world.db.receipt.findMany({ select: { repeatCount: true } });
  expect(rows.map(({ repeatCount }) => repeatCount)).toEqual([39, 39, 39, 39, 39]);
});

test('receipts that two processes record for an external id while its send gets the id all count, each state once', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const another = createSecondRecorder(world);
  const connection = { id: location.connectionId };
  for (let round = 0; round < 10; round++) {
    const externalId = `ext-${round}`;
    const recorded: Promise<void>[] = [];
    const postReceipts = () => {
      for (const record of [world.services.recordReceipt, another]) {
        for (const state of ['delivered', 'read'] as const) recorded.push(record(connection, { externalId, state }));
      }
    };
    world.vendor.respondWith(() => {
      postReceipts();
      return { body: { externalId, status: 'accepted' } };
    });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.waitFor(async () => (await world.getMessage(messageId)).externalId === externalId);
    postReceipts();
    await Promise.all(recorded);
    const { id, state } = await world.getMessage(messageId);
    expect(state).toBe('read');
    const rows = await world.db.receipt.findMany({ where: { externalId }, orderBy: { state: 'asc' } });
    expect(rows.map((row) => [row.messageId, row.state, row.repeatCount])).toEqual([
      [id, 'delivered', 3],
      [id, 'read', 3],
    ]);
  }
});
