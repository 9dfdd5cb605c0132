import { startWorld, type World } from '../../support/world.ts';

const addresses = ['maya@example.com', 'Ben@example.com', 'cleo@example.com'];

async function mailbox(world: World, providerKey = 'mail') {
  const location = await world.install();
  const connectionId = await world.connect(location.id, providerKey);
  const send = (fields: object = {}) =>
    world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi', providerKey, ...fields });
  const sendReceipt = (content: object) => world.postChannelWebhook(connectionId, 'status', content).expect(202);
  return { ...location, connectionId, send, sendReceipt };
}

const calls = (world: World) => world.highlevel.calls.listByOperation('updateEmailStatus').map(({ body }) => body);

test('an email is reported by its emailMessageId, with its recipient, and never as a text', async () => {
  await using world = await startWorld({ behaviour: { statusDelayMs: 6_000 } });
  const { send, sendReceipt } = await mailbox(world);
  const { messageId } = await send();
  await world.advanceUntilReported(messageId);
  expect(world.vendor.requests[0]?.body).toMatchObject({ channel: 'email', to: 'maya@example.com', html: '<p>hi</p>' });
  world.vendor.respondWith({ status: 400, body: { error: { code: 'bounce', message: 'mailbox not found' } } });
  const bounced = await send();
  await world.advanceUntilReported(bounced.messageId);
  await sendReceipt({ id: (await world.getMessage(messageId)).id, status: 'read', recipient: 'maya@example.com' });
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).length === 2);
  const expectedReport = (status: string, rest = {}) => ({
    status,
    recipients: [{ emailId: 'maya@example.com', status, ...rest }],
  });
  const accepted = world.highlevel.calls.listByOperation('updateEmailStatus').filter(({ status }) => status === 200);
  expect(accepted.map(({ path, body }) => [path, body])).toEqual([
    [`/conversations/messages/email/${messageId}E/status`, expectedReport('delivered')],
    [
      `/conversations/messages/email/${bounced.messageId}E/status`,
      expectedReport('failed', { failReason: 'mailbox not found' }),
    ],
    [`/conversations/messages/email/${messageId}E/status`, expectedReport('read')],
  ]);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toEqual([]);
});

test('each recipient’s state is reported, changes that come close together in one call, and an email has failed only with all', async () => {
  await using world = await startWorld();
  world.vendor.respondWith({ body: { externalId: 'far-1' } });
  const { send, sendReceipt } = await mailbox(world);
  const { messageId } = await send({ emailTo: addresses });
  await world.advanceUntil(() => world.vendor.requests.length === 1);
  await world.advance(10_000);
  expect(calls(world)).toEqual([]);

  const failed = (recipient: string) => ({
    externalId: 'far-1',
    status: 'failed',
    recipient,
    error: { code: '550', message: 'no' },
  });
  await sendReceipt(failed('maya@example.com'));
  await sendReceipt(failed('MAYA@example.com'));
  await sendReceipt(failed('copy@example.com'));
  expect((await world.getMessage(messageId)).state).toBe('pending');
  const maya = { emailId: 'maya@example.com', status: 'failed', failReason: 'no' };
  await world.advanceUntil(() => calls(world).length === 1);
  expect(calls(world)[0]).toEqual({ status: 'pending', recipients: [maya] });

  await sendReceipt({ externalId: 'far-1', status: 'delivered', recipient: 'ben@example.com' });
  await sendReceipt({ externalId: 'far-1', status: 'delivered', recipient: 'Cleo <cleo@example.com>' });
  await sendReceipt({ externalId: 'far-1', status: 'read', recipient: 'cleo@example.com' });
  await world.advance(20_000);
  expect((await world.getMessage(messageId)).state).toBe('read');
  const ben = { emailId: 'Ben@example.com', status: 'delivered' };
  expect(calls(world).at(-1)).toEqual({
    status: 'read',
    recipients: [maya, ben, { emailId: 'cleo@example.com', status: 'read' }],
  });
  expect(calls(world)).toHaveLength(2);

  const { messageId: hopeless } = await send({ emailTo: addresses.slice(0, 2) });
  world.vendor.respondWith({ body: { externalId: 'far-2' } });
  await world.advanceUntil(() => world.vendor.requests.length === 2);
  const { id } = await world.getMessage(hopeless);
  for (const address of addresses.slice(0, 2)) await sendReceipt({ ...failed(address), externalId: undefined, id });
  expect(await world.getMessage(hopeless)).toMatchObject({ state: 'failed', reason: 'no' });
  await world.advanceUntilReported(hopeless);
  expect(world.highlevel.findMessage(hopeless)).toMatchObject({
    status: 'failed',
    recipients: { 'maya@example.com': { status: 'failed' }, 'Ben@example.com': { status: 'failed' } },
  });
});

test('a receipt of a copy has no effect on the email, before the response to the send and after it', async () => {
  await using world = await startWorld();
  const { send, sendReceipt } = await mailbox(world);
  const copy = { externalId: 'far-3', recipient: 'copy@example.com' };
  world.vendor.respondWith(async () => {
    await sendReceipt({ ...copy, status: 'delivered' });
    return { body: { externalId: 'far-3' } };
  });
  const { messageId } = await send();
  await world.advanceUntil(async () => (await world.getMessage(messageId)).externalId === 'far-3');
  await sendReceipt({ ...copy, status: 'read' });
  expect((await world.getMessage(messageId)).state).toBe('pending');
  await sendReceipt({
    externalId: 'far-3',
    status: 'failed',
    recipient: 'maya@example.com',
    error: { code: '550', message: 'no' },
  });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed']);
});

test('receipts of recipients that come before the response to the send, or during a report, are reported too', async () => {
  await using world = await startWorld();
  const { send, sendReceipt } = await mailbox(world);
  world.vendor.respondWith(async () => {
    await sendReceipt({ externalId: 'early', status: 'failed', recipient: addresses[0], error: { message: 'full' } });
    return { body: { externalId: 'early' } };
  });
  const { messageId } = await send({ emailTo: addresses });
  await world.advanceUntil(() => calls(world).length === 1);
  expect(calls(world)[0]).toEqual({
    status: 'pending',
    recipients: [{ emailId: addresses[0], status: 'failed', failReason: 'full' }],
  });

  world.highlevel.faults.add({ operation: 'updateEmailStatus', times: 1, effect: { status: 503 } });
  await sendReceipt({ externalId: 'early', status: 'delivered', recipient: addresses[1] });
  await world.advanceUntil(() => calls(world).length === 2);
  await sendReceipt({ externalId: 'early', status: 'delivered', recipient: addresses[2] });
  await world.advanceUntil(() => Object.keys(world.highlevel.findMessage(messageId)?.recipients ?? {}).length === 3);
  expect(world.highlevel.findMessage(messageId)?.recipients).toMatchObject({
    [addresses[0] as string]: { status: 'failed' },
    [addresses[1] as string]: { status: 'delivered' },
    [addresses[2] as string]: { status: 'delivered' },
  });
  const before = calls(world).length;
  await sendReceipt({ externalId: 'early', status: 'delivered', recipient: addresses[2] });
  await world.advance(20_000);
  expect(calls(world)).toHaveLength(before);
});

test('a rejected report of one recipient does not change the reason for which the email waits', async () => {
  await using world = await startWorld();
  world.vendor.respondWith({ body: { externalId: 'far-4' } });
  const { id, send, sendReceipt } = await mailbox(world);
  const { messageId } = await send({ emailTo: addresses });
  await world.advanceUntil(async () => (await world.getMessage(messageId)).reasonCode === 'awaiting_receipt');
  world.highlevel.faults.add({ operation: 'updateEmailStatus', times: 1, effect: { status: 400 } });
  await sendReceipt({ externalId: 'far-4', status: 'failed', recipient: addresses[0], error: { message: 'full' } });
  await world.advanceUntil(() => calls(world).length === 1);
  await world.waitFor(async () => (await world.db.job.count()) === 0);
  await world.services.cancelQueued(id);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending', reasonCode: 'awaiting_receipt' });
});

test('an email that HighLevel does not find is reported again later', async () => {
  await using world = await startWorld();
  const body = { statusCode: 404, message: 'Email message not found' };
  world.highlevel.faults.add({ operation: 'updateEmailStatus', times: 2, effect: { status: 404, body } });
  const { messageId } = await (await mailbox(world)).send();
  await world.advanceUntilReported(messageId);
  expect(calls(world)).toHaveLength(3);
});

test.each(['mail', 'letters'])(
  'a reply by %s is posted into the thread of the email to which it replies',
  async (providerKey) => {
    await using world = await startWorld();
    world.vendor.respondWith({ body: { status: 'delivered', externalId: '<sent-1@mail.example>' } });
    const { send, connectionId, contact } = await mailbox(world, providerKey);
    const { messageId } = await send();
    await world.advanceUntil(async () => (await world.getMessage(messageId)).externalId !== null);
    const mail = { from: 'maya@example.com', to: 'us@example.com', subject: 'Re: hi', text: 'hello' };
    const reply = async (fields: object) =>
      void (await world.postChannelWebhook(connectionId, 'inbound', { ...mail, ...fields }).expect(202));
    await reply({ externalId: '<reply-1@x>', inReplyTo: 'sent-1@mail.example' });
    await reply({ externalId: '<reply-2@x>', replyToExternalId: '<reply-1@x>' });
    await reply({ externalId: '<new-1@x>', inReplyTo: '<unheard-of@x>' });
    await world.advanceUntil(() => world.highlevel.listConversation(contact.id).length === 4);
    const bodies = world.highlevel.calls.listByOperation('addInboundMessage').map(({ body }) => body as { altId: string });
    const getThread = (altId: string) =>
      (bodies.find((body) => body.altId === altId) as { emailMessageId?: string }).emailMessageId;
    expect(getThread('<reply-1@x>')).toBe(`${messageId}E`);
    expect(getThread('<reply-2@x>')).toBe(`${messageId}E`);
    expect(getThread('<new-1@x>')).toBeUndefined();
    await world.advanceUntil(
      async () => (await world.db.message.count({ where: { direction: 'inbound', state: 'delivered' } })) === 3,
    );
    const started = await world.db.message.findFirstOrThrow({ where: { externalId: '<new-1@x>' } });
    expect(started.emailMessageId).toBe(`${started.highlevelMessageId}E`);
  },
);

test.each(['letters', 'whatsapp'])(
  'a reply from %s reaches the vendor with the id of the message to which it replies',
  async (providerKey) => {
    await using world = await startWorld();
    const { send } = await mailbox(world, providerKey);
    await send({ replyToAltId: 'far-77' });
    await world.advanceUntil(() => world.vendor.requests.length === 1);
    expect(world.vendor.requests[0]?.body).toMatchObject({ replyToExternalId: 'far-77' });
  },
);
