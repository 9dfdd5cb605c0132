import { startWorld } from './support/world.ts';

test('states that come close together are one call, and only the newest is sent', async () => {
  await using world = await startWorld({ behaviour: { knowsMessagesAfterMs: 6_000 } });
  const location = await world.ready();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.soon(async () => (await world.message(messageId)).state === 'delivered');
  const { id } = await world.message(messageId);
  await world.callback(location.connectionId, 'status', { id, status: 'read' }).expect(202);
  await world.untilReported(messageId);
  await world.pass(10_000);
  expect(world.highlevel.statusesOf(messageId)).toEqual(['read']);
});

test('an email’s report names its emailMessageId', async () => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id, 'mail');
  const { messageId } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: 'hi',
    providerKey: 'mail',
  });
  await world.untilReported(messageId);
  expect(world.farSide.requests[0]?.body).toMatchObject({
    channel: 'email',
    to: 'maya@example.com',
    html: '<p>hi</p>',
    subject: 'hi',
  });
  expect(world.highlevel.calls.of('updateMessageStatus').at(-1)?.body).toEqual({
    status: 'delivered',
    emailMessageId: `${messageId}E`,
  });
});

test('150 messages of one location are all reported without one call beyond its 100 in 10 seconds', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const contacts = Array.from({ length: 30 }, (_, index) =>
    world.highlevel.addContact(location.id, { phone: `+1202555${1000 + index}` }),
  );
  const sent = await Promise.all(
    Array.from({ length: 150 }, (_, index) =>
      world.highlevel.sendMessage(location.id, { contactId: contacts[index % 30]?.id ?? '', text: `message ${index}` }),
    ),
  );
  await world.until(() => sent.every(({ messageId }) => world.highlevel.statusesOf(messageId).length > 0));
  expect(sent.every(({ messageId }) => world.highlevel.statusesOf(messageId).join() === 'delivered')).toBe(true);
  expect(world.highlevel.calls.violations()).toEqual([]);
  expect(world.highlevel.calls.of('updateMessageStatus')).toHaveLength(150);
});

test('a 429 rests the whole location for as long as HighLevel says, and loses nothing', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const headers = { 'retry-after': '30' };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, does: { answer: 429, headers } });
  const first = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'one' });
  await world.until(() => world.highlevel.calls.of('updateMessageStatus').length === 1);
  const second = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'two' });
  await world.pass(25_000);
  expect(world.highlevel.calls.of('updateMessageStatus')).toHaveLength(1);
  await world.untilReported(first.messageId);
  await world.untilReported(second.messageId);
});

test('when the headers say that nothing is left, calls rest until the interval is over', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-interval-milliseconds': '10000' };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, does: { answer: 200, headers, body: {} } });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'one' });
  await world.until(() => world.highlevel.calls.of('updateMessageStatus').length === 1);
  const at = world.clock.now();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'two' });
  await world.untilReported(messageId);
  expect(world.clock.now() - at).toBeGreaterThanOrEqual(9_000);
});

test('an hour of HighLevel answering 503 loses nothing and is worked off afterwards', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1_000, does: { answer: 503 } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.until(() => world.highlevel.calls.of('updateMessageStatus').length > 0);
  await world.pass(3_600_000, 30_000);
  expect(world.highlevel.calls.of('updateMessageStatus').length).toBeLessThan(30);
  world.highlevel.faults.clear();
  await world.until(() => world.highlevel.statusesOf(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.statusesOf(messageId)).toEqual(['delivered']);
});

test('a report that HighLevel refuses for good is not repeated, and the message keeps its own state', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const body = { message: "You don't have access to the conversationProvider with id: x" };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 5, does: { answer: 403, body } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.until(() => world.highlevel.calls.of('updateMessageStatus').length === 1);
  await world.pass(60_000, 5_000);
  expect(world.highlevel.calls.of('updateMessageStatus')).toHaveLength(1);
  expect(await world.message(messageId)).toMatchObject({ state: 'delivered', reportedState: null });
});

test('while the app’s own keys are wrong, reports wait for the operator and are not lost', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.farSide.answers({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.soon(() => world.farSide.requests.length === 1);
  const app = world.highlevel.world.app as { clientSecret: string };
  const { clientSecret } = app;
  app.clientSecret = 'changed in the marketplace';
  await world.clock.setTime(world.clock.now() + 25 * 3_600_000);
  const { id } = await world.message(messageId);
  await world.callback(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  await world.pass(600_000, 10_000);
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('active');
  app.clientSecret = clientSecret;
  await world.until(() => world.highlevel.statusesOf(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.statusesOf(messageId)).toEqual(['delivered']);
});
