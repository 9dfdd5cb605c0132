import { startWorld } from '../support/world.ts';

/** Lessons 2, 3, 4, 9, 10, 11, 22: what HighLevel posts to us. */

test('a field that HighLevel adds never causes a 400, and the raw body is stored', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = JSON.stringify({
    locationId: location.id,
    messageId: 'm-new-field',
    contactId: location.contact.id,
    phone: '+12025550143',
    message: 'hi',
    attachments: null,
    userId: 42,
    somethingNew: { deep: [1, 2, 3] },
  });

  expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  expect((await world.getMessage('m-new-field')).rawPayload).toBe(body);
  await world.waitFor(() => world.vendor.listReceived().length === 1);
});

test.each([
  ['missing', null],
  ['empty', ''],
  ['the literal N/A', 'N/A'],
  ['of other bytes', undefined],
])('a signature that is %s is 401 and stores no row', async (_name, given) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = JSON.stringify({ locationId: location.id, messageId: 'forged', message: 'hi' });
  const signature = given === undefined ? world.highlevel.sign(`${body} `) : given;

  for (const path of ['/webhooks/providers/sms', '/webhooks/app']) {
    expect(await world.highlevel.postSigned(path, body, { signature })).toBe(401);
  }
  expect(await world.db.message.count()).toBe(0);
  expect(await world.db.appEvent.count()).toBe(0);
});

test('the signature covers the raw bytes: non-canonical JSON passes, the same JSON written otherwise does not', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const odd = `{ "b":"\\u00e9", "a":1.0,\n "messageId":"odd","locationId":"${location.id}","phone":"+12025550143","message":"\\u0068i" }`;
  const signature = world.highlevel.sign(odd);
  const rewritten = JSON.stringify(JSON.parse(odd));

  expect(await world.highlevel.postSigned('/webhooks/providers/sms', rewritten, { signature })).toBe(401);
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', odd, { signature })).toBe(202);
  expect((await world.getMessage('odd')).text).toBe('hi');
});

test('the same webhook many times at once and again later is one send', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'once' });

  const statuses = await Promise.all(Array.from({ length: 12 }, () => world.highlevel.repost(messageId)));
  expect(statuses.every((status) => status === 202)).toBe(true);
  await world.advanceUntilReported(messageId);
  expect(await world.highlevel.repost(messageId)).toBe(202);
  await world.advance(5_000);
  expect(world.vendor.requests).toHaveLength(1);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a retry in HighLevel’s own UI is a new messageId and is sent', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'again', messageId: 'first' });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'again', messageId: 'retried' });
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
});

test('two equal texts in a row are both delivered', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  for (const _ of [1, 2]) await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'ok' });
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
  expect(world.vendor.listReceived().map(({ text }) => text)).toEqual(['ok', 'ok']);
});

test('attachments are addresses, and a message of attachments alone is sent with all of them', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const attachments = ['https://files.example.com/1.pdf', 'https://files.example.com/2.pdf', 'https://files.example.com/3.pdf'];
  const { messageId } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: '',
    attachments,
  });
  await world.advanceUntilReported(messageId);
  expect(world.vendor.listReceived()[0]).toMatchObject({ text: null, attachments });
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test.each(['before_response', 'after_response'] as const)(
  'an echo of our own post that comes back %s is not sent',
  async (echo) => {
    await using world = await startWorld({ behaviour: { echo } });
    const location = await world.setUpLocation();
    await world
      .postChannelWebhook(location.connectionId, 'inbound', {
        externalId: 'sent-elsewhere',
        from: '+15550009999',
        to: '+12025550143',
        text: 'I wrote this on my own phone',
        direction: 'outbound',
      })
      .expect(202);
    await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
    await world.advance(10_000);
    await world.waitFor(async () => (await world.db.message.count()) === 1);
    expect(world.vendor.requests).toEqual([]);
  },
);

test('of many replies whose echoes return at the same time, not one is sent', async () => {
  await using world = await startWorld({ behaviour: { echo: 'after_response' } });
  const location = await world.setUpLocation();
  const contacts = Array.from({ length: 60 }, (_, index) =>
    world.highlevel.addContact(location.id, { phone: `+1202555${3000 + index}` }),
  );
  for (const { phone } of contacts) {
    const reply = { externalId: `reply-${phone}`, from: phone, text: 'hello' };
    await world.postChannelWebhook(location.connectionId, 'inbound', reply).expect(202);
  }
  await world.advanceUntil(
    () => contacts.every(({ id }) => world.highlevel.listConversation(id).length === 1),
    'all are posted',
    100,
  );
  await world.advance(10_000);
  await world.waitFor(async () => (await world.db.message.count()) === 60);
  expect(world.vendor.requests).toEqual([]);
  expect(await world.db.message.count({ where: { highlevelMessageId: { not: null } } })).toBe(60);
});

test('an echo that was sent before we could know it does not make our post repeat itself', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const id = 'taken-by-an-echo';
  const bare = { locationId: location.id, messageId: id, contactId: location.contact.id, phone: '+12025550143', message: 'hi' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(bare));
  await world.waitFor(() => world.vendor.requests.length === 1);
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 200, body: { messageId: id } } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'x', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { direction: 'inbound', state: 'delivered' } })) === 1,
  );
  await world.advance(30_000, 5_000);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toHaveLength(1);
});

test('a message with an unreadable attachment is not reported as delivered: it fails with the reason', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const post = (messageId: string, attachments: unknown) =>
    world.highlevel.postSigned(
      '/webhooks/providers/sms',
      JSON.stringify({
        locationId: location.id,
        messageId,
        contactId: location.contact.id,
        phone: '+12025550143',
        message: 'look',
        attachments,
      }),
    );
  expect(await post('as-object', [{ url: 'https://files.example.com/1.png' }])).toBe(202);
  expect(await post('unreadable', ['https://files.example.com/1.png', { name: '2.png' }])).toBe(202);
  await world.advanceUntil(async () => (await world.getMessage('unreadable')).state === 'failed');
  expect(await world.getMessage('unreadable')).toMatchObject({ reasonCode: 'attachments_unreadable' });
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(world.vendor.listReceived()).toMatchObject([{ attachments: ['https://files.example.com/1.png'] }]);
});
