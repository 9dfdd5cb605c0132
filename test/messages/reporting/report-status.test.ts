import { startWorld } from '../../support/world.ts';

test('states that come close together are one call, and only the newest is sent', async () => {
  await using world = await startWorld({ behaviour: { statusDelayMs: 6_000 } });
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).state === 'delivered');
  const { id } = await world.getMessage(messageId);
  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'read' }).expect(202);
  await world.advanceUntilReported(messageId);
  await world.advance(10_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['read']);
});

test('150 messages of one location are all reported without one call beyond its 100 in 10 seconds', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const contacts = Array.from({ length: 30 }, (_, index) =>
    world.highlevel.addContact(location.id, { phone: `+1202555${1000 + index}` }),
  );
  const sent = await Promise.all(
    Array.from({ length: 150 }, (_, index) =>
      world.highlevel.sendMessage(location.id, { contactId: contacts[index % 30]?.id ?? '', text: `message ${index}` }),
    ),
  );
  await world.advanceUntil(() => sent.every(({ messageId }) => world.highlevel.listStatuses(messageId).length > 0));
  expect(sent.every(({ messageId }) => world.highlevel.listStatuses(messageId).join() === 'delivered')).toBe(true);
  expect(world.highlevel.calls.listViolations()).toEqual([]);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(150);
});

test('a 429 pauses the whole location for the time that HighLevel sets, and loses no report', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const headers = { 'retry-after': '30' };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 429, headers } });
  const first = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'one' });
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length === 1);
  const second = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'two' });
  await world.advance(25_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(1);
  await world.advanceUntilReported(first.messageId);
  await world.advanceUntilReported(second.messageId);
});

test('when the headers say that the quota is used up, calls pause until the interval is over', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-interval-milliseconds': '10000' };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 200, headers, body: {} } });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'one' });
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length === 1);
  const at = world.clock.now();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'two' });
  await world.advanceUntilReported(messageId);
  expect(world.clock.now() - at).toBeGreaterThanOrEqual(9_000);
});

test('an hour of 503 from HighLevel loses no report, costs few calls, and is worked off without a storm', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const down = { times: 10_000, effect: { status: 503 } };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', ...down });
  world.highlevel.faults.add({ operation: 'addInboundMessage', ...down });
  const ids: string[] = [];
  for (let index = 0; index < 30; index++) {
    const contact = world.highlevel.addContact(location.id, { phone: `+1202555${4000 + index}` });
    ids.push((await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: `text ${index}` })).messageId);
  }
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'hello' })
    .expect(202);
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length > 0);
  const getRateLimit = () => world.db.rateLimitRow.findUnique({ where: { key: `highlevel/${location.id}` } });
  await world.advanceUntil(async () => (await getRateLimit())?.pauseCode === 'highlevel_outage');
  await world.advance(3_600_000, 60_000);
  // One call probes for all that wait; each on its own, 30 messages would have made hundreds of calls.
  expect(world.highlevel.calls.all.filter(({ status }) => status === 503).length).toBeLessThan(200);

  world.highlevel.faults.clear();
  const startedAt = world.clock.now();
  await world.advanceUntil(
    () => ids.every((id) => world.highlevel.listStatuses(id).join() === 'delivered'),
    'all are reported',
  );
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).some(({ text }) => text === 'hello'));
  expect(world.clock.now() - startedAt).toBeLessThan(20 * 60_000);
});

test('a report that HighLevel rejects is not repeated, and the state of the message stays', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = { message: "You don't have access to the conversationProvider with id: x" };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 5, effect: { status: 403, body } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length === 1);
  await world.advance(60_000, 5_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(1);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered', reportedState: null });
});

test('while the app’s own keys are wrong, reports wait for the operator and are not lost', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(() => world.vendor.requests.length === 1);
  const app = world.highlevel.world.app as { clientSecret: string };
  const { clientSecret } = app;
  app.clientSecret = 'changed in the marketplace';
  world.clock.jump(25 * 3_600_000);
  const { id } = await world.getMessage(messageId);
  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'delivered' }).expect(202);
  await world.advance(600_000, 10_000);
  expect((await world.api.get(`/locations/${location.id}`)).body.status).toBe('active');
  app.clientSecret = clientSecret;
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('a report of a message that was deleted meanwhile ends and leaves no row', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  let release = () => {};
  const held = new Promise<void>((done) => {
    release = done;
  });
  world.vendor.respondWith(async () => {
    await held;
    return { body: { status: 'delivered' } };
  });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(() => world.vendor.requests.length === 1);
  await world.db.message.deleteMany({ where: { highlevelMessageId: messageId } });
  release();
  await world.waitFor(async () => (await world.db.job.count()) === 0, 'its job is gone');

  world.vendor.respondWith({ body: { status: 'delivered' } });
  const second = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'two' });
  const deleted = new Promise<void>((done) => {
    world.highlevel.faults.decide((operation) => {
      if (operation === 'updateMessageStatus') void world.db.message.deleteMany({}).then(() => done());
      return null;
    });
  });
  await world.advanceUntil(
    () => world.highlevel.calls.listByOperation('updateMessageStatus').length > 0,
    'it is being reported',
  );
  await deleted;
  await world.waitFor(async () => (await world.db.job.count()) === 0, 'its report is over');
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')[0]?.path).toContain(second.messageId);
});

test('a report at which HighLevel fails each time ends after its schedule, and is no outage for the others', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const send = () => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  world.highlevel.faults.decide((operation) => (operation === 'updateMessageStatus' ? { status: 500 } : null));
  const poisoned = await Promise.all(Array.from({ length: 8 }, send));
  const calls = () => world.highlevel.calls.listByOperation('updateMessageStatus');
  await world.advanceUntil(() => calls().length >= 8);
  expect(await world.db.rateLimitRow.count({ where: { pauseCode: 'highlevel_outage' } })).toBe(0);
  await world.advanceUntil(async () => (await world.db.job.count()) === 0, 'all jobs are done', 600_000);
  expect(calls()).toHaveLength(8 * 9);
  expect((await world.getMessage(poisoned[0]?.messageId ?? '')).reasonCode).toBe('unknown_to_highlevel');
  world.highlevel.faults.clear();
  const { messageId } = await send();
  await world.advanceUntilReported(messageId);
});

test('tries during an outage use up no retries that HighLevel gets to find a message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const too = { status: 403, body: { message: 'No conversation provider found for this message' } };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 12, effect: { status: 503 } });
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 3, effect: too });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(16);
});

test('a time where a duration was meant parks a location for an hour at most', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const headers = { 'retry-after': '1790000000' };
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 1, effect: { status: 429, headers } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'one' });
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('updateMessageStatus').length === 1);
  const at = world.clock.now();
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'reported', 60_000);
  expect(world.clock.now() - at).toBeLessThan(2 * 3_600_000);
});

test('failed reports before a message was sent again use up no retries after it', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 400, body: { error: { code: '1', message: 'no' } } });
  world.highlevel.faults.add({ operation: 'updateMessageStatus', times: 10, effect: { status: 500 } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(
    () => world.highlevel.calls.listByOperation('updateMessageStatus').length === 9,
    'reported in vain',
    600_000,
  );
  await world.waitFor(async () => (await world.db.job.count()) === 0);
  world.clock.jump(1_000);
  await world.api.post(`/messages/${(await world.getMessage(messageId)).id}/retry`).expect(202);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'reported', 10_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
});
