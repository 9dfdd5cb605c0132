import { isCallable, toWebhookId } from '../../src/channels/android-sms-gateway/register-webhooks.ts';
import { findSecretFields } from '../../src/channels/config-schema.ts';
import { createDevice } from '../../src/sandbox/vendors/android-sms-gateway/state.ts';
import { type AndroidWorld, message, startAndroidWorld, webhookUrl } from './android-world.ts';

const verify = (world: AndroidWorld, config = {}, more = {}) => world.channel.setup?.verify(world.createContext(config, more));

describe('verify', () => {
  test('names the account', async () => {
    await using world = await startAndroidWorld();
    const verified = { kind: 'verified', account: world.account.username, warnings: [] };
    for (const config of [{}, { deviceId: undefined }, { simNumber: 1 }]) expect(await verify(world, config)).toEqual(verified);
  });

  test.each([
    [{ password: 'wrong' }, 'password', 'credentials'],
    [{ deviceId: 'unknown' }, 'deviceId', 'device_unknown'],
    [{ simNumber: 2 }, 'simNumber', 'sim_unknown'],
  ])('%j is a problem of the field %s', async (config, field, code) => {
    await using world = await startAndroidWorld();
    const result = await verify(world, config);
    expect(result).toMatchObject({ kind: 'rejected', problems: [{ field, code }] });
    // A person finds the right id in the message.
    if (code === 'device_unknown') expect(JSON.stringify(result)).toContain(world.device.id);
  });

  test('an account without a phone, and an address without a gateway, are problems', async () => {
    await using world = await startAndroidWorld();
    world.android.state.devices.length = 0;
    expect(await verify(world, { deviceId: undefined })).toMatchObject({ problems: [{ code: 'no_device' }] });
    expect(await verify(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
  });

  test('several phones and several SIM cards are warnings', async () => {
    await using world = await startAndroidWorld();
    const second = createDevice((length) => Buffer.alloc(length, 7), 'Second', '+12025550131', world.clock.now());
    world.android.state.devices.push(second);
    world.device.simCards.push({ slotIndex: 1, simNumber: 2, phoneNumber: null, carrierName: null });
    const result = await verify(world, { deviceId: undefined });
    expect(result).toMatchObject({
      warnings: [expect.stringContaining('several phones'), expect.stringContaining('several SIM cards')],
    });
  });

  test('an address without https is a warning, except for a simulator', () => {
    const cloud = 'https://api.sms-gate.app/3rdparty/v1';
    expect(isCallable('https://patchbay.example/channels/c', cloud)).toBe(true);
    expect(isCallable('http://patchbay.example/channels/c', cloud)).toBe(false);
    expect(isCallable('http://localhost:3000/channels/c', 'http://localhost:3001/android')).toBe(true);
  });

  test('password and signing key are secrets, and in no result', async () => {
    await using world = await startAndroidWorld();
    const password = 'the-wrong-password-of-this-test';
    expect(JSON.stringify(await verify(world, { password }))).not.toContain(password);
    expect([...findSecretFields(world.channel.configSchema).keys()]).toEqual(['password', 'signingKey']);
  });
});

test('the address of a request may be entered as well, and a private one only where the operator allows it', async () => {
  await using world = await startAndroidWorld();
  expect(await verify(world, { baseUrl: `${world.apiUrl}/messages/` })).toMatchObject({ kind: 'verified' });
  const { createAndroidConfigSchema } = await import('../../src/channels/android-sms-gateway/config.ts');
  const parse = (baseUrl: string) =>
    createAndroidConfigSchema(false).safeParse({ baseUrl, username: 'u', password: 'p', signingKey: 'k' }).success;
  expect(parse('https://api.sms-gate.app/3rdparty/v1')).toBe(true);
  for (const url of ['http://192.168.1.4:8080', 'https://192.168.1.4:8080', 'http://sms.example'])
    expect(parse(url)).toBe(false);
});

test('the SIM cards of the phone are listed as senders', async () => {
  await using world = await startAndroidWorld();
  world.device.simCards.push({ slotIndex: 1, simNumber: 2, phoneNumber: null, carrierName: null });
  expect(await world.channel.setup?.listSenders?.(world.createContext())).toEqual([
    { address: 'SIM 1', label: 'SIM 1 (+12025550130, Example Mobile)' },
    { address: 'SIM 2', label: 'SIM 2' },
  ]);
  expect(await world.channel.setup?.listSenders?.(world.createContext({ password: 'wrong' }))).toEqual([]);
});

describe('webhooks', () => {
  const register = (world: AndroidWorld, config = {}, more = {}) =>
    world.channel.setup?.registerWebhooks?.(world.createContext(config, more), false);
  const listEvents = (world: AndroidWorld) => world.android.state.webhooks.map(({ event }) => event).sort();

  test('are registered for each event and the phone, once, and removed again; those of others stay', async () => {
    await using world = await startAndroidWorld();
    const other = { id: 'other', url: 'https://other.example', event: 'sms:received', deviceId: null };
    world.android.state.webhooks.push(other);
    expect(await register(world)).toEqual({ kind: 'registered' });
    const ours = world.android.state.webhooks.filter(({ id }) => id !== 'other');
    expect(new Set(ours.map(({ url, deviceId }) => `${url} ${deviceId}`))).toEqual(
      new Set([`${webhookUrl}/webhook ${world.device.id}`]),
    );
    expect(listEvents(world)).toEqual([
      ...['app:started', 'mms:downloaded', 'sms:cancelled', 'sms:delivered', 'sms:failed', 'sms:received', 'sms:received'],
      ...['sms:sent', 'system:ping'],
    ]);
    const before = world.calls.length;
    expect(await register(world)).toEqual({ kind: 'registered' });
    // One list and no write.
    expect(world.calls).toHaveLength(before + 1);
    await world.channel.setup?.unregisterWebhooks?.(world.createContext());
    expect(world.android.state.webhooks).toEqual([other]);
  });

  test('of an earlier address or phone are replaced', async () => {
    await using world = await startAndroidWorld();
    await register(world, {}, { webhookUrl: 'https://earlier.example/channels/c' });
    const count = world.android.state.webhooks.length;
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(world.android.state.webhooks).toHaveLength(count);
    expect(new Set(world.android.state.webhooks.map(({ url }) => url))).toEqual(new Set([`${webhookUrl}/webhook`]));
    expect(toWebhookId('c', 'sms:sent')).not.toBe(toWebhookId('d', 'sms:sent'));
  });

  test('of a gateway that knows fewer events are those that it knows', async () => {
    await using world = await startAndroidWorld({
      events: ['sms:received', 'sms:sent', 'sms:delivered', 'sms:failed', 'mms:received'],
    });
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(listEvents(world)).toEqual(['mms:received', 'sms:delivered', 'sms:failed', 'sms:received', 'sms:sent']);
  });

  test('fail with the reason', async () => {
    await using world = await startAndroidWorld();
    expect(await register(world, { password: 'wrong' })).toMatchObject({ kind: 'failed', code: 'http_401' });
    expect(await register(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'failed', code: 'unreachable' });
    expect(await register(world, {}, { webhookUrl: 'http://patchbay.example/channels/c' })).toMatchObject({
      kind: 'failed',
      code: 'address_not_https',
    });
    const unregister = world.channel.setup?.unregisterWebhooks?.(world.createContext({ baseUrl: 'http://127.0.0.1:9' }));
    await expect(unregister).resolves.toBeUndefined();
  });

  test('a message of a contact comes to the registered address', async () => {
    await using world = await startAndroidWorld();
    await register(world);
    await world.android.receive({ from: message.to, text: 'hi' });
    expect(world.webhooks).toMatchObject([{ url: `${webhookUrl}/webhook` }]);
  });
});
