import { toErrorOutcome, toMessageId } from '../../src/channels/android-sms-gateway/send.ts';
import { createDevice } from '../../src/sandbox/vendors/android-sms-gateway/state.ts';
import { type AndroidWorld, message, startAndroidWorld } from './android-world.ts';

const send = (world: AndroidWorld, change: object = {}, config = {}) =>
  world.channel.send(world.createContext(config), { ...message, ...change });
const addPhone = (world: AndroidWorld, name = 'Second phone') => {
  const device = createDevice((length) => Buffer.alloc(length, 7), name, '+12025550131', world.clock.now());
  world.android.state.devices.push(device);
  return device;
};

test('a message goes out under our own id, through the connection’s phone, with a delivery report', async () => {
  await using world = await startAndroidWorld();
  const outcome = await send(world);
  expect(world.listBodies()).toEqual([
    {
      ...{ id: message.id, deviceId: world.device.id, textMessage: { text: 'hello' } },
      ...{ phoneNumbers: [message.to], withDeliveryReport: true },
    },
  ]);
  expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [message.id] });
});

test('a SIM card is the connection’s, or the message’s own', async () => {
  await using world = await startAndroidWorld();
  await send(world);
  await send(world, { idempotencyKey: 'a' }, { simNumber: 2 });
  await send(world, { idempotencyKey: 'b', from: 'SIM 3' }, { simNumber: 2 });
  await send(world, { idempotencyKey: 'c', from: 'Maya' }, { simNumber: 2 });
  expect(world.listBodies().map(({ simNumber }) => simNumber)).toEqual([undefined, 2, 3, 2]);
});

test('files go as addresses after the text, and a message without content is refused', async () => {
  await using world = await startAndroidWorld();
  await send(world, { attachments: ['https://files.example/a.png', 'https://files.example/b.png'] });
  expect(world.getLast().text).toBe('hello\nhttps://files.example/a.png\nhttps://files.example/b.png');
  expect(await send(world, { text: '' })).toMatchObject({ kind: 'rejected', code: 'empty' });
});

describe('a repeat', () => {
  test('is refused by the gateway with 409 and counts as accepted, whatever has become of the message', async () => {
    await using world = await startAndroidWorld();
    await send(world);
    expect(await send(world)).toMatchObject({ kind: 'accepted', externalIds: [message.id] });
    await world.clock.tick(1);
    world.android.deliver(message.id);
    expect(await send(world)).toMatchObject({ kind: 'delivered', externalIds: [message.id] });
    world.getLast().state = 'Sent';
    world.android.fail(message.id, 'RESULT_ERROR_NO_SERVICE');
    expect(await send(world)).toMatchObject({ kind: 'rejected', code: 'result_error_no_service' });
    expect(world.android.state.messages).toHaveLength(1);
  });

  test('that the gateway refuses without showing the message stays unknown: it is neither lost nor sent twice', async () => {
    await using world = await startAndroidWorld();
    world.android.setFault({ kind: 'error', status: 409, message: 'message with the same ID already exists' });
    expect(await send(world)).toMatchObject({ kind: 'unknown', code: 'conflict' });
  });

  test('through another phone would be sent twice, so that only a connection with a phone is idempotent', async () => {
    await using world = await startAndroidWorld();
    addPhone(world);
    await send(world, {}, { deviceId: undefined });
    await send(world, {}, { deviceId: undefined });
    expect(world.android.state.messages.map(({ id }) => id)).toEqual([message.id, message.id]);
    const { getCapabilities } = world.channel;
    expect(getCapabilities?.(world.createContext().connection.config).idempotent).toBe(true);
    expect(getCapabilities?.(world.createContext({ deviceId: undefined }).connection.config).idempotent).toBe(false);
    // With the same id twice the gateway can't say which is meant.
    expect(await world.channel.lookUpSend?.(world.createContext(), message, new Date())).toBeNull();
  });

  test('after a person’s resend is a new message, whose id is short enough for the gateway', async () => {
    await using world = await startAndroidWorld();
    const key = `${message.id}-1772359200000`;
    await send(world);
    await send(world, { idempotencyKey: key });
    await send(world, { idempotencyKey: key });
    expect(world.android.state.messages.map(({ id }) => id)).toEqual([message.id, toMessageId(key)]);
    expect(toMessageId(key)).toHaveLength(36);
    expect(toMessageId(`${key}1`)).not.toBe(toMessageId(key));
  });
});

test.each([
  [400, 'failed to use phone in row 1: invalid phone number', { kind: 'rejected', isAuthoritative: true }],
  [400, 'record not found', { kind: 'connection_error', code: 'device_unknown' }],
  [400, 'Invalid device ID', { kind: 'connection_error', code: 'device_unknown' }],
  [400, undefined, { kind: 'rejected', isAuthoritative: false }],
  [401, 'Unauthorized', { kind: 'connection_error', code: 'credentials' }],
  [403, undefined, { kind: 'connection_error', code: 'credentials' }],
  [404, undefined, { kind: 'connection_error', code: 'not_gateway' }],
  [408, undefined, { kind: 'unknown' }],
  [425, undefined, { kind: 'unavailable' }],
  [429, undefined, { kind: 'unavailable' }],
  [500, 'failed to handle request', { kind: 'unknown' }],
  [502, undefined, { kind: 'unknown' }],
  // A proxy’s 503 says less than the gateway’s.
  [503, undefined, { kind: 'unknown' }],
  [503, 'queue limits exceeded: too old pending message', { kind: 'unavailable', code: 'queue_full', retryAfterMs: 300_000 }],
])('the response %i %s is %j', (status, words, outcome) => {
  expect(toErrorOutcome({ status, message: words, retryAfterMs: undefined })).toMatchObject(outcome);
});

test('an unreachable gateway is unavailable, and no secret is in an outcome, also where the gateway echoes it', async () => {
  await using world = await startAndroidWorld();
  expect(await send(world, {}, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
  world.android.setFault({ kind: 'error', status: 400, message: `${world.account.password} ${world.account.signingKey}` });
  const outcome = JSON.stringify(await send(world));
  for (const secret of [world.account.password, world.account.signingKey]) expect(outcome).not.toContain(secret);
});

describe('a look-up', () => {
  test('finds a send by our id, and its state once it is final', async () => {
    await using world = await startAndroidWorld();
    world.android.setFault({ kind: 'cut' });
    expect(await send(world)).toMatchObject({ kind: 'unknown' });
    const lookUp = () => world.channel.lookUpSend?.(world.createContext(), message, new Date());
    const ask = () => world.channel.lookUpReceipt?.(world.createContext(), message.id);
    expect(await lookUp()).toMatchObject({ kind: 'accepted', externalIds: [message.id] });
    expect(await ask()).toBeNull();
    await world.clock.tick(1);
    world.android.deliver(message.id);
    expect(await lookUp()).toMatchObject({ kind: 'delivered' });
    expect(await ask()).toMatchObject({ state: 'delivered', occurredAt: expect.any(Date) });
    expect(await world.channel.lookUpReceipt?.(world.createContext(), '../devices')).toBeNull();
    const wrong = world.createContext({ password: 'wrong' });
    expect(await world.channel.lookUpSend?.(wrong, message, new Date())).toBeNull();
  });

  test('of a cancelled and of a failed message has the reason', async () => {
    await using world = await startAndroidWorld();
    await send(world);
    const ask = () => world.channel.lookUpReceipt?.(world.createContext(), message.id);
    world.android.fail(message.id, 'RESULT_ERROR_RADIO_OFF');
    expect(await ask()).toMatchObject({ state: 'failed', error: { code: 'result_error_radio_off' } });
    Object.assign(world.getLast(), { state: 'Cancelled', error: null });
    expect(await ask()).toMatchObject({ state: 'failed', error: { code: 'cancelled' } });
  });
});
