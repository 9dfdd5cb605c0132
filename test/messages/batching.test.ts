import { startWorld } from '../support/world.ts';

test('webhooks that arrive together are all stored with their jobs, each once, and acknowledged after that', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, contact } = await world.install();
  const post = (messageId: string) =>
    world.highlevel.postSigned(
      '/webhooks/providers/sms',
      JSON.stringify({
        locationId: id,
        messageId,
        contactId: contact.id,
        phone: '+12025550143',
        message: messageId,
        attachments: ['https://files.example.com/a'],
      }),
    );
  const ids = Array.from({ length: 60 }, (_, index) => `message-${index}`);
  const statuses = await Promise.all([...ids, ...ids].map(post));
  expect(statuses.every((status) => status === 202)).toBe(true);
  const rows = await world.db.message.findMany();
  expect(rows.map(({ highlevelMessageId }) => highlevelMessageId).sort()).toEqual([...ids].sort());
  expect(rows.every(({ state, attachments }) => state === 'pending' && attachments[0] === 'https://files.example.com/a')).toBe(
    true,
  );
  const [jobs] = await world.db.$queryRaw<{ count: bigint }[]>`
    SELECT count(*) FROM jobs WHERE queue = 'deliver'`;
  expect(Number(jobs?.count)).toBe(60);
});

test('an unstorable value of one webhook fails neither the webhooks that arrive with it nor itself', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const post = (messageId: string, contactId: string) =>
    world.highlevel.postSigned(
      '/webhooks/providers/sms',
      JSON.stringify({ locationId: id, messageId, contactId, phone: '+12025550143', message: 'hi' }),
    );
  // Too long for its index, and incompressible.
  const tooLong = Array.from({ length: 4_000 }, (_, index) => String.fromCodePoint(0x4e00 + ((index * 7_919) % 20_000))).join(
    '',
  );
  const statuses = await Promise.all(
    Array.from({ length: 20 }, (_, index) => post(`message-${index}`, index === 7 ? tooLong : 'contact')),
  );
  expect(statuses.filter((status) => status === 202)).toHaveLength(20);
  expect(await world.db.message.count()).toBe(20);
  expect(await world.getMessage('message-7')).toMatchObject({ contactId: null });
});

test('a send and a report of one message that end together are both written, and the newer state is still to be reported', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id, contact } = await world.install();
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'hi' });
  const message = await world.getMessage(messageId);
  // The receipts came during the send: it is read, and HighLevel has just accepted `delivered`.
  await world.db.message.update({ where: { id: message.id }, data: { state: 'read' } });
  const workerId = world.services.newId();
  const expected = {
    queue: 'highlevel',
    messageId: message.id,
    groupKey: 'l',
    orderingKey: 'k',
    priority: 1,
    isHead: true,
    dueAt: new Date(0),
  } as const;
  await world.db.job.create({ data: expected });
  await world.db.job.updateMany({ data: { workerId } });
  const job = { messageId: message.id, groupKey: 'l', workerId, claimNumber: 0, signal: new AbortController().signal };
  await Promise.all([
    world.services.settle({
      job: { ...job, queue: 'highlevel' },
      change: () => ({ reportedState: 'delivered' }),
      runAgainAt: (current) => (current.state === 'delivered' ? null : new Date(world.clock.now())),
    }),
    world.services.settle({ job: { ...job, queue: 'deliver' }, change: () => ({ nextAttemptAt: null }) }),
  ]);
  expect((await world.getMessage(messageId)).reportedState).toBe('delivered');
  expect(await world.db.job.findMany({ select: { queue: true, workerId: true } })).toEqual([
    { queue: 'highlevel', workerId: null },
  ]);
});
