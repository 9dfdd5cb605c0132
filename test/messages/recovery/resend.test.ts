import { startWorld, type World } from '../../support/world.ts';

const opening = { status: 'failed', error: { code: '30003', message: 'phone is off' } };

/** A gateway that takes a message once, as the protocol asks, and says later what became of it. */
async function setUpGateway(world: World, providerKey = 'sms') {
  const location = await world.install();
  const connectionId = await world.connect(location.id, providerKey);
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const say = async (content: object) => {
    // Each word has a moment of its own.
    world.clock.jump(1_000);
    await world.postChannelWebhook(connectionId, 'status', content).expect(202);
  };
  const send = (fields: object = {}) =>
    world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi', providerKey, ...fields });
  const resend = async (id: string) => {
    world.clock.jump(1_000);
    await world.api.post(`/messages/${id}/retry`).expect(202);
  };
  return { ...location, say, send, resend };
}

test('what a far side has taken and failed is another sending when it is sent again: it is not dropped as a repeat', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await setUpGateway(world);
  const { messageId } = await send();
  const state = async () => (await world.getMessage(messageId)).state;
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const ids = () => world.vendor.requests.map(({ headers }) => headers['webhook-id']);

  for (const sendings of [1, 2]) {
    await say({ id, ...opening });
    expect(await state()).toBe('failed');
    await world.advanceUntilReported(messageId);
    await resend(id);
    await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
    expect(new Set(ids()).size).toBe(sendings + 1);
  }
  expect(world.vendor.requests.every(({ body }) => body.id === id)).toBe(true);
  expect(world.vendor.listReceived()).toHaveLength(3);
  await say({ id, status: 'delivered' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('a failure that is told once more after its message was sent again is not the new sending’s', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await setUpGateway(world);
  const { messageId } = await send();
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const receipt = { id, ...opening, at: new Date(world.clock.now()).toISOString() };
  await say(receipt);
  world.vendor.respondWith({ status: 503 });
  await resend(id);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'http_503');
  await say(receipt);
  expect((await world.getMessage(messageId)).state).toBe('pending');
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
  expect(world.vendor.listReceived()).toHaveLength(2);
});

test('what a person sends again while an attempt is still in hand goes out after it', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await setUpGateway(world);
  let release = () => {};
  const isReleased = new Promise<void>((done) => {
    release = done;
  });
  world.vendor.respondWith(async () => {
    if (world.vendor.requests.length === 1) await isReleased;
    return { body: { status: 'accepted' } };
  });
  const { messageId } = await send();
  await world.waitFor(() => world.vendor.requests.length === 1);
  const { id } = await world.getMessage(messageId);
  await say({ id, ...opening });
  await resend(id);
  // Told once more before anything of the new sending has left.
  await say({ id, ...opening });
  release();
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await say({ id, status: 'delivered' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('what was refused goes again under the same id', async () => {
  await using world = await startWorld();
  const { send, resend } = await setUpGateway(world);
  world.vendor.respondWith({ status: 400, body: { error: { code: '1', message: 'no' } } });
  const { messageId } = await send();
  await world.advanceUntilReported(messageId);
  const { id } = await world.getMessage(messageId);
  await resend(id);
  await world.advanceUntil(() => world.vendor.requests.length === 2);
  expect(world.vendor.requests.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
});

test('what a far side said of an email’s recipients before counts no more when it is sent again', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await setUpGateway(world, 'mail');
  const emailTo = ['maya@example.com', 'ben@example.com'];
  const { messageId } = await send({ emailTo });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  for (const recipient of emailTo) await say({ id, recipient, ...opening });
  await world.advanceUntilReported(messageId);
  await resend(id);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');

  await say({ id, recipient: emailTo[0], ...opening });
  // Nothing is known of Ben's yet.
  expect((await world.getMessage(messageId)).state).toBe('pending');
  await say({ id, recipient: emailTo[1], status: 'delivered' });
  const bodies = () => world.highlevel.calls.listByOperation('updateEmailStatus').map(({ body }) => body as { status: string });
  await world.advanceUntil(() => bodies().at(-1)?.status === 'delivered');
  expect(bodies().at(-1)).toEqual({
    status: 'delivered',
    recipients: [
      { emailId: 'maya@example.com', status: 'failed', failReason: 'phone is off' },
      { emailId: 'ben@example.com', status: 'delivered' },
    ],
  });
});
