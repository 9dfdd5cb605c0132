import { startWorld, type World } from '../../support/world.ts';

const opening = { status: 'failed', error: { code: '30003', message: 'phone is off' } };

/** A gateway that accepts a message once, as the protocol requires, and sends its receipts later. */
async function setUpGateway(world: World, providerKey = 'sms') {
  const location = await world.install();
  const connectionId = await world.connect(location.id, providerKey);
  world.vendor.respondWith({ body: { status: 'accepted' } });
  const sendReceipt = async (content: object) => {
    // Each receipt has a time of its own.
    world.clock.jump(1_000);
    await world.postChannelWebhook(connectionId, 'status', content).expect(202);
  };
  const send = (fields: object = {}) =>
    world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi', providerKey, ...fields });
  const resend = async (id: string) => {
    world.clock.jump(1_000);
    await world.api.post(`/messages/${id}/retry`).expect(202);
  };
  return { ...location, sendReceipt, send, resend };
}

test('a message that a vendor has accepted and failed is resent under another idempotency key: it is not dropped as a repeat', async () => {
  await using world = await startWorld();
  const { sendReceipt, send, resend } = await setUpGateway(world);
  const { messageId } = await send();
  const state = async () => (await world.getMessage(messageId)).state;
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const ids = () => world.vendor.requests.map(({ headers }) => headers['webhook-id']);

  for (const sendings of [1, 2]) {
    await sendReceipt({ id, ...opening });
    expect(await state()).toBe('failed');
    await world.advanceUntilReported(messageId);
    await resend(id);
    await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
    expect(new Set(ids()).size).toBe(sendings + 1);
  }
  expect(world.vendor.requests.every(({ body }) => body.id === id)).toBe(true);
  expect(world.vendor.listReceived()).toHaveLength(3);
  await sendReceipt({ id, status: 'delivered' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('a failure that is repeated after its message was resent does not count for the new send', async () => {
  await using world = await startWorld();
  const { sendReceipt, send, resend } = await setUpGateway(world);
  const { messageId } = await send();
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  const receipt = { id, ...opening, at: new Date(world.clock.now()).toISOString() };
  await sendReceipt(receipt);
  world.vendor.respondWith({ status: 503 });
  await resend(id);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'http_503');
  await sendReceipt(receipt);
  expect((await world.getMessage(messageId)).state).toBe('pending');
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
  expect(world.vendor.listReceived()).toHaveLength(2);
});

test('a message that a person resends while an attempt is still running is sent after it', async () => {
  await using world = await startWorld();
  const { sendReceipt, send, resend } = await setUpGateway(world);
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
  await sendReceipt({ id, ...opening });
  await resend(id);
  // Repeated before the first attempt of the new send.
  await sendReceipt({ id, ...opening });
  release();
  await world.advanceUntil(() => world.vendor.listReceived().length === 2);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  await sendReceipt({ id, status: 'delivered' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('a rejected message is resent under the same id', async () => {
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

test('earlier receipts of an email’s recipients no longer count when it is resent', async () => {
  await using world = await startWorld();
  const { sendReceipt, send, resend } = await setUpGateway(world, 'mail');
  const emailTo = ['maya@example.com', 'ben@example.com'];
  const { messageId } = await send({ emailTo });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.getMessage(messageId);
  for (const recipient of emailTo) await sendReceipt({ id, recipient, ...opening });
  await world.advanceUntilReported(messageId);
  await resend(id);
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');

  await sendReceipt({ id, recipient: emailTo[0], ...opening });
  // Ben's state is still unknown.
  expect((await world.getMessage(messageId)).state).toBe('pending');
  await sendReceipt({ id, recipient: emailTo[1], status: 'delivered' });
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
