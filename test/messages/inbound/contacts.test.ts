import { startWorld } from '../../support/world.ts';

/** Lessons 12 and 21: replies of contacts. */

test('an inbound message leaves the contact’s tags, name and source as they were', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const before = structuredClone(world.highlevel.state.contacts[location.contact.id]);
  await world
    .postChannelWebhook(location.connectionId, 'inbound', {
      externalId: 'a',
      from: '+12025550143',
      text: 'hi',
      name: 'Another Name',
    })
    .expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  expect(world.highlevel.state.contacts[location.contact.id]).toEqual(before);
});

test('an email from a contact’s second address goes to that contact, which keeps its first address', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail');
  Object.assign(location.contact, { otherAddresses: ['maya@home.example'] });
  const before = structuredClone(world.highlevel.state.contacts[location.contact.id]);
  const mail = { to: 'us@example.com', from: 'maya@home.example', subject: 'Hi', text: 'hi', name: 'Another Name' };
  await world.postChannelWebhook(connectionId, 'inbound', { ...mail, externalId: 'a' }).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  expect(world.highlevel.state.contacts[location.contact.id]).toEqual(before);
});

test('a new contact gets the name that came with the message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.postChannelWebhook(location.connectionId, 'inbound', {
    externalId: 'a',
    from: '+15550007777',
    text: 'hi',
    name: 'Zoë',
  });
  await world.advanceUntil(() => Object.values(world.highlevel.state.messages).length === 1);
  const [contact] = Object.values(world.highlevel.state.contacts).filter(({ phone }) => phone === '+15550007777');
  expect(contact).toMatchObject({ name: 'Zoë', tags: [], source: null });
});

test('a 2xx from the inbound endpoint without a messageId is not success: the post is retried', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 2, effect: { status: 201, body: {} } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.waitFor(async () => (await world.db.message.findFirstOrThrow()).reasonCode === 'highlevel_no_message_id');
  expect(await world.db.message.findFirstOrThrow()).toMatchObject({ state: 'pending' });
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  await world.waitFor(async () => (await world.db.message.findFirstOrThrow()).state === 'delivered');
  expect(await world.db.message.findFirstOrThrow()).toMatchObject({ reasonCode: null });
});
