import { startWorld } from '../../support/world.ts';

/** Lessons 1, 5, 6, 7, 8, 17, 19: reports to HighLevel. */

test('a 403 on the status call just after a good send never ends as failed', async () => {
  await using world = await startWorld({ behaviour: { statusDelayMs: 8_000 } });
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);

  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  const calls = world.highlevel.calls.listByOperation('updateMessageStatus');
  expect(calls.some(({ refusal }) => refusal === 'too_early')).toBe(true);
  expect(calls.length).toBeLessThanOrEqual(4);
  expect(world.highlevel.calls.listByOperation('token:refresh_token')).toEqual([]);
  await world.waitFor(async () => (await world.getMessage(messageId)).reportedState === 'delivered');
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered' });
});

test('a message that HighLevel never finds stays delivered for us, and after about 15 minutes we stop reporting', async () => {
  await using world = await startWorld({ behaviour: { statusDelayMs: 60 * 60_000 } });
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).state === 'delivered');
  await world.advanceUntil(
    async () => (await world.getMessage(messageId)).reasonCode === 'unknown_to_highlevel',
    'retries are used up',
    10_000,
  );

  const requests = world.highlevel.calls.listByOperation('updateMessageStatus');
  const lasted = (requests.at(-1)?.at ?? 0) - (requests[0]?.at ?? 0);
  expect(lasted).toBeGreaterThan(13 * 60_000);
  expect(lasted).toBeLessThan(25 * 60_000);
  const before = requests.length;
  await world.advance(600_000, 30_000);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toHaveLength(before);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'delivered', reportedState: null });
});

test('only delivered, read and failed are ever reported, and failed carries code, type and message as strings', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const send = () => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });

  world.vendor.respondWith({ body: { status: 'accepted' } });
  const good = await send();
  await world.waitFor(() => world.vendor.requests.length === 1);
  const { id } = await world.getMessage(good.messageId);
  await world.postChannelWebhook(location.connectionId, 'status', { id, status: 'read' }).expect(202);
  world.vendor.respondWith({ status: 400, body: { error: { code: 21610, message: 'opted out' } } });
  const bad = await send();
  await world.advanceUntilReported(good.messageId);
  await world.advanceUntilReported(bad.messageId);

  const bodies = world.highlevel.calls.listByOperation('updateMessageStatus').map(({ body }) => body);
  expect(bodies).toContainEqual({ status: 'read' });
  expect(bodies).toContainEqual({
    status: 'failed',
    error: { code: '21610', type: 'provider', message: 'opted out' },
  });
  expect(bodies).toHaveLength(2);
});

test('accepted by a channel with receipts is not delivered, however long it takes', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 202 });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await world.advance(3_600_000, 60_000);
  expect(world.highlevel.listStatuses(messageId)).toEqual([]);
  expect(world.vendor.requests).toHaveLength(1);
});

test('a send that fails after the webhook was acknowledged reaches HighLevel as failed', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 422, body: 'no such number' });
  const { messageId, httpStatus } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: 'hi',
  });
  expect(httpStatus).toBe(202);
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({ status: 'failed', error: { code: 'http_422' } });
});

test('a definite rejection becomes failed at once, with one attempt', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 400, body: { error: { code: '21610', message: 'opted out' } } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
  expect(world.vendor.requests).toHaveLength(1);
});

test('a webhook for a location without a channel is reported failed, with a reason that a person understands', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({
    status: 'failed',
    error: { code: 'no_channel', type: 'app', message: expect.stringMatching(/No channel is connected .* Connect one/) },
  });
});
