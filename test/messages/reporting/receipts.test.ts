import { startWorker } from '../../../src/worker/queue-handlers.ts';
import { startWorld, type World } from '../../support/world.ts';

/** Receipts that are repeated, early, of another message, or too long. */

const receipt = (world: World, connectionId: string, content: object) =>
  world.postChannelWebhook(connectionId, 'status', content).expect(202);

test('a receipt of an id before its attempt started is of another message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await receipt(world, location.connectionId, { externalId: 'again', status: 'failed', error: { code: '9', message: 'old' } });
  await world.advance(60_000, 10_000);
  world.vendor.respondWith({ body: { externalId: 'again', status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await receipt(world, location.connectionId, { externalId: 'again', status: 'delivered' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a receipt that comes during the attempt, before its response, still counts', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(async () => {
    await receipt(world, location.connectionId, { externalId: 'early', status: 'delivered' });
    return { body: { externalId: 'early', status: 'accepted' } };
  });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
});

test('repeats are counted and not stored, at once and later', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { externalId: 'x', status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).externalId === 'x');
  const { id } = await world.getMessage(messageId);
  for (let round = 0; round < 4; round++) {
    await Promise.all(
      Array.from({ length: 25 }, () => receipt(world, location.connectionId, { externalId: 'x', status: 'delivered' })),
    );
  }
  await receipt(world, location.connectionId, { externalId: 'x', status: 'read' });
  const rows = await world.db.receipt.findMany({ where: { messageId: id }, orderBy: { id: 'asc' } });
  expect(rows.map(({ state }) => state)).toEqual(['delivered', 'read']);
  expect(rows[0]?.repeatCount).toBe(99);
  for (let n = 0; n < 30; n++) await receipt(world, location.connectionId, { externalId: 'unknown', status: 'delivered' });
  expect(await world.db.receipt.count({ where: { externalId: 'unknown' } })).toBe(1);
  const { body } = await world.api.get(`/messages/${id}`).expect(200);
  expect(body.timeline.map(({ text }: { text: string }) => text)).toContainEqual(expect.stringContaining('Repeated 99 times'));
});

test('the history of a message has parts: the newest first, each earlier one by one more request', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  const { id } = await world.getMessage(messageId);
  const newId = world.services.newId;
  await world.db.attempt.create({
    data: { id: newId(), messageId: id, connectionId: location.connectionId, startedAt: new Date(world.clock.now()) },
  });
  const data = Array.from({ length: 250 }, (_, n) => ({
    id: newId(),
    connectionId: location.connectionId,
    messageId: id,
    state: 'delivered' as const,
    reason: `part ${n}`,
    receivedAt: new Date(world.clock.now() + n),
  }));
  await world.db.receipt.createMany({ data });
  const texts: string[] = [];
  const part = async (before: string | null): Promise<void> => {
    const path = before === null ? `/messages/${id}` : `/messages/${id}?before=${before}`;
    const { body } = await world.api.get(path).expect(200);
    expect(body.timeline.length).toBeLessThanOrEqual(102);
    texts.unshift(...body.timeline.map(({ text }: { text: string }) => text));
    if (body.timelineBefore) await part(body.timelineBefore);
  };
  await part(null);
  expect(texts).toHaveLength(252);
  expect(texts[0]).toBe('Received from the CRM.');
  expect(texts.at(-1)).toContain('part 249');
});

test.each(['after its response', 'before its response'])(
  'our own send that a vendor reports %s is not a second message',
  async (when) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    const echo = () =>
      world.postChannelWebhook(location.connectionId, 'inbound', {
        externalId: 'own-1',
        from: '+12025550100',
        to: location.contact.phone,
        text: 'hi',
        direction: 'outbound',
      });
    world.vendor.respondWith(async () => {
      if (when === 'before its response') await echo().expect(202);
      return { body: { externalId: 'own-1', status: 'delivered' } };
    });
    const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
    await world.advanceUntilReported(messageId);
    if (when === 'after its response') await echo().expect(200);
    await world.advanceUntil(async () => (await world.db.job.count()) === 0);
    expect(await world.db.message.count()).toBe(1);
    expect(world.highlevel.calls.listByOperation('addInboundMessage')).toEqual([]);
  },
);

test('our own send that a vendor reports in another spelling before its response is no second message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const contact = world.highlevel.addContact(location.id, { phone: '+551187654321' });
  const echo = { externalId: 'own-4', from: '+12025550100', to: '+5511987654321', text: 'hi', direction: 'outbound' };
  world.vendor.respondWith(async () => {
    await world.postChannelWebhook(location.connectionId, 'inbound', echo).expect(202);
    await world.advance(3_000);
    return { body: { externalId: 'own-4', status: 'delivered' } };
  });
  await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await world.waitFor(
    async () => (await world.db.message.findFirst({ where: { externalId: 'own-4', direction: 'outbound' } })) !== null,
  );
  await world.advanceUntil(async () => (await world.db.message.count()) === 1);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toEqual([]);
});

test('our own send that a vendor reports is no second message when only a repeat of the send gets a response', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith('cut');
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).retryCount === 1);
  const echo = { externalId: 'own-2', from: '+12025550100', to: location.contact.phone, text: 'hi', direction: 'outbound' };
  await world.postChannelWebhook(location.connectionId, 'inbound', echo).expect(202);
  await world.advance(2_000);
  world.vendor.respondWith({ body: { externalId: 'own-2', status: 'delivered' } });
  await world.advanceUntilReported(messageId);
  await world.advanceUntil(async () => (await world.db.job.count()) === 0);
  expect(await world.db.message.count()).toBe(1);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toEqual([]);
});

test('our own email that a vendor reports before its response is no second message, however its recipients are written', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail');
  world.vendor.respondWith(async () => {
    const echo = { externalId: 'own-3', from: 'us@example.com', to: 'sam@example.com', text: 'hi', direction: 'outbound' };
    await world.postChannelWebhook(connectionId, 'inbound', echo).expect(202);
    await world.advance(3_000);
    return { body: { externalId: 'own-3', status: 'delivered' } };
  });
  const emailTo = ['Maya <maya@example.com>', 'Sam <Sam@Example.com>'];
  const body = { locationId: location.id, messageId: 'mail-1', contactId: location.contact.id, emailTo, html: '<p>hi</p>' };
  expect(await world.highlevel.postSigned('/webhooks/providers/mail', JSON.stringify(body))).toBe(202);
  await world.waitFor(
    async () => (await world.db.message.findFirst({ where: { externalId: 'own-3', direction: 'outbound' } })) !== null,
  );
  await world.advanceUntil(async () => (await world.db.message.count()) === 1);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toEqual([]);
});

test('a message that an earlier version stored as sent externally without a recipient makes the location’s own number no contact', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation();
  const content = { externalId: 'old', from: '+12025550100', attachments: [], text: 'hi', sentExternally: true };
  const provider = world.services.providers.find(({ key }) => key === 'sms') as (typeof world.services.providers)[number];
  const connection = { id: location.connectionId, locationId: location.id, providerKey: 'sms', config: {} };
  await expect(world.services.receiveInbound(connection, provider, content, Buffer.from(''))).rejects.toMatchObject({
    code: 'payload_invalid',
  });
  await world.services.receiveInbound(connection, provider, { ...content, to: '+12025550143' }, Buffer.from(''));
  await world.db.message.updateMany({ data: { to: null } });
  await startWorker(world.services);
  await world.advanceUntil(async () => (await world.db.message.findFirst())?.state === 'failed');
  expect(await world.db.message.findFirst()).toMatchObject({ reasonCode: 'contact_not_named' });
  expect(world.highlevel.calls.listByOperation('upsertContact')).toEqual([]);
});

test('a message that was sent externally is logged, and must name its recipient', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const content = { externalId: 'else', from: '+12025550100', text: 'from the phone', direction: 'outbound' };
  const { body } = await world.postChannelWebhook(location.connectionId, 'inbound', content).expect(400);
  expect(JSON.stringify(body)).toContain('names the contact');
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, to: location.contact.phone }).expect(202);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('addInboundMessage').length === 1);
  expect(world.highlevel.calls.listByOperation('upsertContact')).toMatchObject([{ body: { phone: '+12025550143' } }]);
});

test('a rejection with too long a body is a rejection: the status line decides', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 400, body: 'x'.repeat(3 * 1024 * 1024) });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'failed', reasonCode: 'http_400' });
  expect(world.vendor.requests).toHaveLength(1);
});

test('a value that is too long for an index is stored or rejected, never a 5xx', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail');
  const emailTo = Array.from({ length: 160 }, (_, n) => `somebody.with.a.long.name.${n}@a-long-domain.example.com`);
  const post = (body: object) =>
    world.highlevel.postSigned('/webhooks/providers/mail', JSON.stringify({ locationId: location.id, ...body }));
  const long = 'x'.repeat(4_000);
  expect(await post({ messageId: 'many', emailTo, html: '<p>hi</p>' })).toBe(202);
  expect(
    await post({
      messageId: 'long-ids',
      contactId: long,
      conversationId: long,
      userId: long,
      emailTo: ['a@b.example'],
      html: 'x',
    }),
  ).toBe(202);
  expect(await post({ messageId: long, emailTo: ['a@b.example'], html: 'x' })).toBe(202);
  expect(
    await world.highlevel.postSigned(
      '/webhooks/app',
      JSON.stringify({ type: 'INSTALL', webhookId: long, appId: long, companyId: long }),
    ),
  ).toBe(202);
  await world.postChannelWebhook(connectionId, 'inbound', { externalId: long, from: 'a@b.example', text: 'x' }).expect(400);
  await world.postChannelWebhook(connectionId, 'status', { externalId: long, status: 'delivered' }).expect(400);
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
});
