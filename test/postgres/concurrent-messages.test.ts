import { transitionTo } from '../../src/messages/model/transitions.ts';
import { lockMessages, lockMessagesAndJobs } from '../../src/messages/settlement/locks.ts';
import { updateMessages } from '../../src/messages/settlement/update-messages.ts';
import { enqueue } from '../../src/queue/sql/add-jobs.ts';
import { waitForBlockedStatement } from '../support/databases.ts';
import { startWorld } from '../support/world.ts';

test('a transaction that finishes the report of a message and one that applies a receipt to it do not deadlock', async () => {
  await using world = await startWorld({ isIdle: true });
  const { db } = world.services;
  const { id: locationId, contact } = await world.setUpLocation();
  await world.highlevel.sendMessage(locationId, { contactId: contact.id, text: 'Hi', messageId: 'm1' });
  const { id: messageId } = await world.getMessage('m1');
  const group = 'a group';
  await enqueue(db.client, [
    { queue: 'highlevel', messageId, groupKey: group, orderingKey: messageId, priority: 1, dueAt: new Date() },
  ]);
  const workerId = world.services.newId();
  await db.client.job.updateMany({ where: { queue: 'highlevel' }, data: { workerId } });
  const job = {
    queue: 'highlevel',
    messageId,
    groupKey: group,
    workerId,
    claimNumber: 0,
    signal: new AbortController().signal,
  } as const;

  let ending: Promise<unknown> = Promise.resolve();
  const applied = db.transaction(async (tx) => {
    await lockMessages(tx, [messageId]);
    ending = db.transaction((other) => lockMessagesAndJobs(other, [messageId], [job]));
    await waitForBlockedStatement(db, 'WITH locked');
    await updateMessages(world.services, tx, new Map([[messageId, (current) => transitionTo(current, 'delivered')]]));
  });

  await expect(applied).resolves.toBeUndefined();
  await expect(ending).resolves.toMatchObject([{ id: messageId, state: 'delivered' }]);
});
