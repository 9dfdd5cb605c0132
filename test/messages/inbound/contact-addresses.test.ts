import { startWorld } from '../../support/world.ts';

/** An address has one form, so one person is one contact. */

test.each([
  ['+91 81231 33382', '+918123133382'],
  ['(586) 460-3999', '+15864603999'],
  ['68849', '68849'],
])('a message to %s goes out to %s, and the raw text is stored', async (phone, to) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.waitFor(async () => (await world.db.installation.count({ where: { country: 'US' } })) === 1);
  const contact = world.highlevel.addContact(location.id, { phone });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(world.vendor.listReceived()).toMatchObject([{ to }]);
  expect(await world.getMessage(messageId)).toMatchObject({ to, rawAddress: phone === to ? null : phone });
});

test.each(['+15864603999', '15864603999', '586-460-3999', 'whatsapp:+15864603999', '15864603999@s.whatsapp.net'])(
  'a contact written to as +1 586-460-3999 that replies as %s stays one contact',
  async (from) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    await world.waitFor(async () => (await world.db.installation.count({ where: { country: 'US' } })) === 1);
    const contact = world.highlevel.addContact(location.id, { phone: '+1 586-460-3999' });
    await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
    await world.advanceUntil(() => world.vendor.listReceived().length === 1);
    await world.postChannelWebhook(location.connectionId, 'inbound', { externalId: 'r-1', from, text: 'yes' }).expect(202);
    await world.advanceUntil(() => world.highlevel.listConversation(contact.id).some(({ text }) => text === 'yes'));
    expect(world.highlevel.calls.listByOperation('upsertContact')).toEqual([]);
  },
);

test.each(['15550002303', '+1 (555) 000-2304', 'whatsapp:+15550002305', '15550002306@s.whatsapp.net'])(
  'a reply from %s makes a contact with its number in E.164',
  async (from) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    await world.postChannelWebhook(location.connectionId, 'inbound', { externalId: 'r-1', from, text: 'yes' }).expect(202);
    await world.advanceUntil(() => world.highlevel.calls.listByOperation('addInboundMessage').length === 1);
    const made = world.highlevel.calls.listByOperation('upsertContact').map(({ body }) => body as { phone: string });
    expect(made).toEqual([{ locationId: location.id, phone: expect.stringMatching(/^\+1555000230[3-6]$/) }]);
  },
);

test.each([
  ['68849', undefined, '68849'],
  ['SUPPORT', undefined, 'SUPPORT'],
  ['US.13491208655302741918', 'Maya Ray', 'Maya Ray'],
])('what %s writes, which is no number, stands in one contact by name, however often it writes', async (from, name, shown) => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  for (const externalId of ['r-1', 'r-2']) {
    await world.postChannelWebhook(location.connectionId, 'inbound', { externalId, from, name, text: externalId }).expect(202);
    await world.advanceUntil(async () => (await world.db.message.count({ where: { externalId, state: 'delivered' } })) === 1);
  }
  expect(world.highlevel.calls.listByOperation('createContact').map(({ body }) => body)).toEqual([
    { locationId: location.id, name: shown },
  ]);
  const [contact] = Object.values(world.highlevel.state.contacts).filter(({ name }) => name === shown);
  expect(world.highlevel.listConversation(contact?.id ?? '').map(({ text }) => text)).toEqual(['r-1', 'r-2']);
});

test('a message from a number that HighLevel rejects as invalid is not lost', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = { statusCode: 422, message: ['phone must be a valid phone number'], error: 'Unprocessable Entity' };
  world.highlevel.faults.add({ operation: 'upsertContact', effect: { status: 422, body }, times: 1 });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'r-1', from: '+15550001', text: 'yes' })
    .expect(202);
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { externalId: 'r-1', state: 'delivered' } })) === 1,
  );
  expect(world.highlevel.calls.listByOperation('createContact')).toHaveLength(1);
});

test('an email address is the same in capitals', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail');
  const mail = { to: 'us@example.com', subject: 'Hi', text: 'hi' };
  for (const [at, from] of ['MAYA@Example.com', 'maya@example.com'].entries()) {
    await world.postChannelWebhook(connectionId, 'inbound', { ...mail, externalId: `r-${at}`, from }).expect(202);
  }
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 2);
});

test('a test message to a number in its national form goes to that number', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.waitFor(async () => (await world.db.installation.count({ where: { country: 'US' } })) === 1);
  const to = '586 460 3999';
  await world.api.post(`/locations/${location.id}/channels/sms/test`, { to, text: 'hi' }).expect(202);
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(world.vendor.listReceived()).toMatchObject([{ to: '+15864603999' }]);
});
