import { startWorld, type World } from './support/world.ts';

const opening = { status: 'failed', error: { code: '30003', message: 'phone is off' } };

/** A gateway that takes a message once, as the protocol asks, and says later what became of it. */
async function gatewayOf(world: World, providerKey = 'sms') {
  const location = await world.install();
  const connectionId = await world.connect(location.id, providerKey);
  world.farSide.answers({ body: { status: 'accepted' } });
  const say = async (content: object) => {
    // Each word has a moment of its own.
    world.clock.jump(1_000);
    await world.callback(connectionId, 'status', content).expect(202);
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
  const { say, send, resend } = await gatewayOf(world);
  const { messageId } = await send();
  const state = async () => (await world.message(messageId)).state;
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.message(messageId);
  const ids = () => world.farSide.requests.map(({ headers }) => headers['webhook-id']);

  for (const sendings of [1, 2]) {
    await say({ id, ...opening });
    expect(await state()).toBe('failed');
    await world.untilReported(messageId);
    await resend(id);
    await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
    expect(new Set(ids()).size).toBe(sendings + 1);
  }
  expect(world.farSide.requests.every(({ body }) => body.id === id)).toBe(true);
  expect(world.farSide.received()).toHaveLength(3);
  await say({ id, status: 'delivered' });
  await world.until(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('a failure that is told once more after its message was sent again is not the new sending’s', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await gatewayOf(world);
  const { messageId } = await send();
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.message(messageId);
  const told = { id, ...opening, at: new Date(world.clock.now()).toISOString() };
  await say(told);
  world.farSide.answers({ status: 503 });
  await resend(id);
  await world.until(async () => (await world.message(messageId)).reasonCode === 'http_503');
  await say(told);
  expect((await world.message(messageId)).state).toBe('pending');
  world.farSide.answers({ body: { status: 'delivered' } });
  await world.until(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
  expect(world.farSide.received()).toHaveLength(2);
});

test('what a person sends again while an attempt is still in hand goes out after it', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await gatewayOf(world);
  let release = () => {};
  const isReleased = new Promise<void>((done) => {
    release = done;
  });
  world.farSide.answers(async () => {
    if (world.farSide.requests.length === 1) await isReleased;
    return { body: { status: 'accepted' } };
  });
  const { messageId } = await send();
  await world.soon(() => world.farSide.requests.length === 1);
  const { id } = await world.message(messageId);
  await say({ id, ...opening });
  await resend(id);
  // Told once more before anything of the new sending has left.
  await say({ id, ...opening });
  release();
  await world.until(() => world.farSide.received().length === 2);
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
  await say({ id, status: 'delivered' });
  await world.until(() => world.highlevel.listStatuses(messageId).at(-1) === 'delivered');
});

test('what was refused goes again under the same id', async () => {
  await using world = await startWorld();
  const { send, resend } = await gatewayOf(world);
  world.farSide.answers({ status: 400, body: { error: { code: '1', message: 'no' } } });
  const { messageId } = await send();
  await world.untilReported(messageId);
  const { id } = await world.message(messageId);
  await resend(id);
  await world.until(() => world.farSide.requests.length === 2);
  expect(world.farSide.requests.map(({ headers }) => headers['webhook-id'])).toEqual([id, id]);
});

test('what a far side said of an email’s recipients before counts no more when it is sent again', async () => {
  await using world = await startWorld();
  const { say, send, resend } = await gatewayOf(world, 'mail');
  const emailTo = ['maya@example.com', 'ben@example.com'];
  const { messageId } = await send({ emailTo });
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');
  const { id } = await world.message(messageId);
  for (const recipient of emailTo) await say({ id, recipient, ...opening });
  await world.untilReported(messageId);
  await resend(id);
  await world.until(async () => (await world.message(messageId)).reasonCode === 'awaiting_receipt');

  await say({ id, recipient: emailTo[0], ...opening });
  // Nothing is known of Ben's yet.
  expect((await world.message(messageId)).state).toBe('pending');
  await say({ id, recipient: emailTo[1], status: 'delivered' });
  const bodies = () => world.highlevel.calls.listByOperation('updateEmailStatus').map(({ body }) => body as { status: string });
  await world.until(() => bodies().at(-1)?.status === 'delivered');
  expect(bodies().at(-1)).toEqual({
    status: 'delivered',
    recipients: [
      { emailId: 'maya@example.com', status: 'failed', failReason: 'phone is off' },
      { emailId: 'ben@example.com', status: 'delivered' },
    ],
  });
});
