import { startWorld } from './support/world.ts';

test('a message is sent, delivered, read and replied to', async () => {
  await using world = await startWorld({ behaviour: { statusDelayMs: 7_000 } });
  const location = await world.setUpLocation();
  world.vendor.respondWith(({ body }) => ({ body: { externalId: `ext-${body.id}`, status: 'accepted' } }));

  const { messageId } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: 'Hello',
    attachments: ['https://files.example.com/a.png', 'https://files.example.com/b.png'],
  });
  await world.waitFor(() => world.vendor.requests.length === 1);
  const { id } = await world.getMessage(messageId);
  expect(world.vendor.requests[0]?.body).toEqual({
    type: 'message',
    id,
    locationId: location.id,
    contactId: location.contact.id,
    conversationId: null,
    channel: 'sms',
    to: '+12025550143',
    from: null,
    text: 'Hello',
    html: null,
    subject: null,
    attachments: ['https://files.example.com/a.png', 'https://files.example.com/b.png'],
    replyToExternalId: null,
  });

  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  await world.advanceUntilReported(messageId);
  await world.postChannelWebhook(location.connectionId, 'status', { externalId: `ext-${id}`, status: 'read' }).expect(202);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).includes('read'));
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered', 'read']);

  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'in-1', from: '+12025550143', text: 'Hi!' })
    .expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 2);
  expect(world.highlevel.listConversation(location.contact.id).at(-1)).toMatchObject({
    direction: 'inbound',
    text: 'Hi!',
    altId: 'in-1',
  });
});
