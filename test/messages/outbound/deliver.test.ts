import { indexChannels } from '../../../src/channels/registry.ts';
import { createNonIdempotentChannel } from '../../support/non-idempotent-channel.ts';
import { startWorld, type World } from '../../support/world.ts';

const text = (world: World, location: { id: string; contact: { id: string } }, words = 'hi') =>
  world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: words });
const attempts = (world: World) => world.db.attempt.findMany({ orderBy: { id: 'asc' } });

test('a temporary failure is retried by the schedule until it succeeds, and each attempt is stored', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(() =>
    world.vendor.requests.length < 4 ? { status: 503, body: 'down' } : { body: { status: 'delivered' } },
  );
  const { messageId } = await text(world, location);
  for (const [index, least] of [5, 30, 120].entries()) {
    await world.waitFor(async () => (await world.getMessage(messageId)).retryCount === index + 1);
    const waitMs = ((await world.getMessage(messageId)).nextAttemptAt?.getTime() ?? 0) - world.clock.now();
    expect(waitMs).toBeGreaterThanOrEqual(least * 1_000);
    expect(waitMs).toBeLessThanOrEqual(least * 1_200);
    await world.advance(waitMs - 500);
    expect(world.vendor.requests).toHaveLength(index + 1);
    await world.advance(500);
    await world.waitFor(() => world.vendor.requests.length === index + 2, `attempt ${index + 2}`);
  }
  await world.advanceUntilReported(messageId);

  const tried = await attempts(world);
  expect(tried.map(({ outcome }) => outcome)).toEqual(['unavailable', 'unavailable', 'unavailable', 'delivered']);
  expect(tried[0]).toMatchObject({ code: 'http_503', response: 'HTTP 503 down' });
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
});

test('after the last retry, a day later, the message fails and is reported with the last reason', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 500, body: { error: { code: 'E500', message: 'still down' } } });
  const { messageId } = await text(world, location);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length > 0, 'it has failed', 600_000);
  expect(await attempts(world)).toHaveLength(9);
  expect(world.highlevel.findMessage(messageId)).toMatchObject({
    status: 'failed',
    error: { code: 'E500', message: 'still down' },
  });
});

test('Retry-After is honoured', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(() => (world.vendor.requests.length === 1 ? { status: 429, headers: { 'retry-after': '90' } } : {}));
  const { messageId } = await text(world, location);
  await world.waitFor(async () => (await world.getMessage(messageId)).nextAttemptAt !== null);
  await world.advance(85_000, 5_000);
  expect(world.vendor.requests).toHaveLength(1);
  await world.advanceUntil(() => world.vendor.requests.length === 2);
});

test('messages to one contact keep their order through a retry, and another contact does not wait for them', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550199' });
  const order: string[] = [];
  let fails = 2;
  world.vendor.respondWith(({ body }) => {
    if (body.text === 'one' && fails-- > 0) return { status: 503 };
    order.push(String(body.text));
    return { body: { status: 'delivered' } };
  });
  for (const words of ['one', 'two', 'three']) await text(world, location, words);
  await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'other' });
  await world.waitFor(() => order.length === 1);
  expect(order).toEqual(['other']);
  await world.advanceUntil(() => order.length === 4);
  expect(order).toEqual(['other', 'one', 'two', 'three']);
});

test('a connection’s concurrency and rate limit are enforced', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ concurrency: 2 });
  let running = 0;
  let most = 0;
  const release: (() => void)[] = [];
  world.vendor.respondWith(async () => {
    most = Math.max(most, ++running);
    await new Promise<void>((done) => release.push(done));
    running -= 1;
    return { body: { status: 'delivered' } };
  });
  for (let count = 0; count < 5; count++) {
    const contact = world.highlevel.addContact(location.id, { phone: `+1202555010${count}` });
    await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  }
  await world.advanceUntil(() => {
    // On a busy machine the second may come late: no request is released before.
    if (running === 2 || world.vendor.requests.length === 5) for (const go of release.splice(0)) go();
    return world.vendor.requests.length === 5 && running === 0;
  });
  expect(most).toBe(2);

  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.connect(location.id, 'sms', { ratePerSecond: 1 });
  for (let count = 0; count < 5; count++) {
    const contact = world.highlevel.addContact(location.id, { phone: `+1202555011${count}` });
    await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  }
  await world.advanceUntil(() => world.vendor.requests.length === 10);
  const startTimes = (await attempts(world)).slice(5).map(({ startedAt }) => startedAt.getTime());
  expect((startTimes.at(-1) ?? 0) - (startTimes[0] ?? 0)).toBeGreaterThanOrEqual(3_000);
});

test('a receipt that comes before the response to our send is stored and applied, by our id and by the vendor’s', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  for (const by of ['id', 'externalId'] as const) {
    world.vendor.respondWith(async ({ body }) => {
      const named = by === 'id' ? { id: body.id } : { externalId: `x-${body.id}` };
      await world.postChannelWebhook(location.connectionId, 'status', { ...named, status: 'delivered' }).expect(202);
      return { body: { externalId: `x-${body.id}`, status: 'accepted' } };
    });
    const { messageId } = await text(world, location);
    await world.advanceUntilReported(messageId);
    expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  }
});

test('receipts in any order and repeated never lead to an earlier state, and a late `delivered` overrides `failed`', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const { messageId } = await text(world, location);
  await world.waitFor(() => world.vendor.requests.length === 1);
  const { id } = await world.getMessage(messageId);
  const say = (status: string) => world.postChannelWebhook(location.connectionId, 'status', { id, status }).expect(202);

  await say('failed');
  await world.advanceUntilReported(messageId);
  for (const status of ['delivered', 'read', 'delivered', 'failed', 'read']) await say(status);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).includes('read'));
  await world.advance(10_000);
  expect(world.highlevel.listStatuses(messageId).at(0)).toBe('failed');
  expect(world.highlevel.listStatuses(messageId).at(-1)).toBe('read');
  const receipts = await world.db.receipt.findMany({ orderBy: { id: 'asc' }, select: { state: true, repeatCount: true } });
  expect(receipts).toEqual([
    { state: 'failed', repeatCount: 1 },
    { state: 'delivered', repeatCount: 1 },
    { state: 'read', repeatCount: 1 },
  ]);
});

test('a receipt from another connection has no effect', async () => {
  await using world = await startWorld();
  const [mine, other] = [await world.setUpLocation(), await world.setUpLocation()];
  world.vendor.respondWith({ body: { status: 'accepted', externalId: 'shared' } });
  const { messageId } = await text(world, mine);
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  await world.postChannelWebhook(other.connectionId, 'status', { id, status: 'failed' }).expect(202);
  await world.postChannelWebhook(other.connectionId, 'status', { externalId: 'shared', status: 'failed' }).expect(202);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
});

test('a message that the channel does not support fails with the reason, and `accepted` is `delivered` without receipts', async () => {
  const channel = createNonIdempotentChannel(async () => ({ kind: 'accepted', externalIds: [] }));
  await using world = await startWorld({ channels: () => indexChannels([channel]) });
  const location = await world.install();
  for (const key of ['sms', 'mail'])
    await world.api.put(`/locations/${location.id}/channels/${key}`, { type: 'non_idempotent' }).expect(200);
  const contactId = location.contact.id;
  const media = await world.highlevel.sendMessage(location.id, { contactId, attachments: ['https://x.example/a'] });
  const email = await world.highlevel.sendMessage(location.id, { contactId, text: 'hi', providerKey: 'mail' });
  const plain = await text(world, location);
  for (const { messageId } of [media, email, plain]) await world.advanceUntilReported(messageId);
  expect(world.highlevel.findMessage(media.messageId)?.error?.code).toBe('attachments_unsupported');
  expect(world.highlevel.findMessage(email.messageId)).toMatchObject({
    status: 'failed',
    recipients: { 'maya@example.com': { failReason: 'The connected channel does not support email.' } },
  });
  expect(world.highlevel.listStatuses(plain.messageId)).toEqual(['delivered']);
});

test('a phone number that HighLevel omitted is looked up', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const body = { locationId: location.id, messageId: 'no-phone', contactId: location.contact.id, message: 'hi' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(body));
  await world.waitFor(() => world.vendor.requests.length === 1);
  expect(world.vendor.requests[0]?.body.to).toBe('+12025550143');
});

test('a message for a location that has not installed the app yet waits for it', async () => {
  await using world = await startWorld();
  const location = world.highlevel.addLocation();
  const contact = world.highlevel.addContact(location.id, { phone: '+12025550143' });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'early' });
  await world.waitFor(async () => (await world.getMessage(messageId)).reasonCode === 'installation_missing');
  const code = world.highlevel.approveInstall(location.id);
  await world.finishInstall(code);
  await world.advanceUntilReported(messageId);
  // Then its job runs at once, and the message shows the next missing requirement.
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
  expect((await world.getMessage(messageId)).reasonCode).toBe('no_channel');
});
