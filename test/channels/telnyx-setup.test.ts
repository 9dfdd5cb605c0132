import { findSecretFields } from '../../src/channels/config-schema.ts';
import { message, startTelnyxWorld, type TelnyxWorld, webhookUrl } from './telnyx-world.ts';

const verify = (world: TelnyxWorld, config = {}) => world.channel.setup?.verify(world.createContext(config));
const ours = `${webhookUrl}/webhook`;
const noProfile = '00000000-0000-4000-a000-000000000000';

describe('verify', () => {
  test('names the messaging profile of a number, of a profile and of a name', async () => {
    await using world = await startTelnyxWorld();
    const profile = { messagingProfileId: world.profile.id };
    for (const config of [{}, profile, { ...profile, from: world.from }, { ...profile, from: 'Harbour' }]) {
      expect(await verify(world, config)).toEqual({ kind: 'verified', account: 'Front desk', warnings: [] });
    }
    expect(await verify(world, { from: '12345' })).toEqual({ kind: 'verified', account: '12345', warnings: [] });
  });

  test.each([
    [{ apiKey: 'KEYwrong' }, 'apiKey', 'credentials'],
    [{ from: '+12025550199' }, 'from', 'sender_unknown'],
    [{ from: '+12025550122' }, 'from', 'sender_no_profile'],
    [{ messagingProfileId: noProfile }, 'messagingProfileId', 'profile_unknown'],
  ])('%j is a problem of the field %s', async (config, field, code) => {
    await using world = await startTelnyxWorld();
    expect(await verify(world, config)).toMatchObject({ kind: 'rejected', problems: [{ field, code }] });
  });

  test('a number of another profile, one without SMS and a disabled profile are problems', async () => {
    await using world = await startTelnyxWorld();
    const other = world.telnyx.state.profiles[1]?.id;
    expect(await verify(world, { from: world.from, messagingProfileId: other })).toMatchObject({
      problems: [{ field: 'messagingProfileId', code: 'other_profile' }],
    });
    world.profile.enabled = false;
    expect(await verify(world)).toMatchObject({ problems: [{ code: 'profile_disabled' }] });
    const [number] = world.telnyx.state.numbers;
    if (number) number.hasSms = false;
    expect(await verify(world)).toMatchObject({ problems: [{ field: 'from', code: 'sender_no_sms' }] });
  });

  test('no funds, and a list of countries, are warnings', async () => {
    await using world = await startTelnyxWorld();
    world.account.balance = '-0.10';
    world.profile.whitelistedDestinations = ['US', 'CA'];
    const result = await verify(world);
    expect(result).toMatchObject({
      kind: 'verified',
      warnings: [expect.stringContaining('no funds left (-0.10 USD)'), expect.stringContaining('US, CA')],
    });
  });

  test('a Telnyx that does not respond is unavailable, not a wrong config', async () => {
    await using world = await startTelnyxWorld();
    expect(await verify(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
  });

  test('the key is the only secret, and in no result', async () => {
    await using world = await startTelnyxWorld();
    const apiKey = 'KEY-the-wrong-key-of-this-test';
    expect(JSON.stringify(await verify(world, { apiKey }))).not.toContain(apiKey);
    expect([...findSecretFields(world.channel.configSchema).keys()]).toEqual(['apiKey']);
  });
});

test('a config needs a sender or a profile, and a name needs a profile', async () => {
  await using world = await startTelnyxWorld();
  const parse = (change: object) =>
    world.channel.configSchema
      .safeParse({ apiKey: 'KEY1', publicKey: world.account.publicKey, ...change })
      .error?.issues.map(({ path, code }) => [path.join('.'), code]);
  expect(parse({})).toEqual([['from', 'custom']]);
  expect(parse({ from: 'Harbour' })).toEqual([['messagingProfileId', 'custom']]);
  expect(parse({ from: '+1 (202) 555-0120' })).toBeUndefined();
  expect(parse({ from: 'a name that is too long' })).toEqual([['from', 'custom']]);
  expect(parse({ messagingProfileId: '../balance' })).toEqual([['messagingProfileId', 'custom']]);
});

test('the numbers that can send are listed page by page, those of the profile where there is one', async () => {
  await using world = await startTelnyxWorld();
  const { numbers } = world.telnyx.state;
  for (let index = 0; index < 300; index++) {
    numbers.push({
      ...{ type: 'longcode', profileId: world.profile.id, hasSms: true },
      phoneNumber: `+1202556${String(index).padStart(4, '0')}`,
    });
  }
  const list = async (config = {}) => (await world.channel.setup?.listSenders?.(world.createContext(config))) ?? [];
  const all = await list();
  // Without the one that has no profile.
  expect(all).toHaveLength(302);
  expect(all[0]).toEqual({ address: world.from, label: `${world.from} (longcode)` });
  expect(await list({ messagingProfileId: world.profile.id })).toHaveLength(301);
  expect(await list({ apiKey: 'KEYwrong' })).toEqual([]);
});

describe('webhooks', () => {
  const register = (world: TelnyxWorld, config = {}, replace = false) =>
    world.channel.setup?.registerWebhooks?.(world.createContext(config), replace);
  const unregister = (world: TelnyxWorld, config = {}) =>
    world.channel.setup?.unregisterWebhooks?.(world.createContext(config));
  const countWrites = (world: TelnyxWorld) => world.calls.filter(({ method }) => method === 'PATCH').length;

  test('are registered with the profile of the number, once, and removed again', async () => {
    await using world = await startTelnyxWorld();
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(world.profile).toMatchObject({ webhookUrl: ours, webhookApiVersion: '2' });
    expect(await register(world, { messagingProfileId: world.profile.id })).toEqual({ kind: 'registered' });
    expect(countWrites(world)).toBe(1);
    await unregister(world);
    expect(world.profile.webhookUrl).toBeNull();
  });

  test('of an older version have another signature: the version is set', async () => {
    await using world = await startTelnyxWorld();
    Object.assign(world.profile, { webhookUrl: ours, webhookApiVersion: '1' });
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(world.profile.webhookApiVersion).toBe('2');
  });

  test('of another program are kept until a person agrees', async () => {
    await using world = await startTelnyxWorld();
    world.profile.webhookUrl = 'https://other.example/sms';
    expect(await register(world)).toEqual({ kind: 'taken', by: 'other.example' });
    await unregister(world);
    expect(world.profile.webhookUrl).toBe('https://other.example/sms');
    expect(await register(world, {}, true)).toEqual({ kind: 'registered' });
    expect(world.profile.webhookUrl).toBe(ours);
  });

  test('of a short code are entered by a person, and a failure has its reason', async () => {
    await using world = await startTelnyxWorld();
    expect(await register(world, { from: '12345' })).toEqual({ kind: 'manual', message: expect.stringContaining(ours) });
    expect(await register(world, { apiKey: 'KEYwrong' })).toMatchObject({ kind: 'failed', code: '10009' });
    expect(await register(world, { messagingProfileId: noProfile })).toMatchObject({ kind: 'failed', code: 'profile_unknown' });
    const real = { baseUrl: 'https://api.telnyx.com', from: world.from };
    const context = world.createContext(real, { webhookUrl: 'http://localhost:3000/channels/c' });
    expect(await world.channel.setup?.registerWebhooks?.(context, false)).toMatchObject({ code: 'address_private' });
    await expect(unregister(world, { apiKey: 'KEYwrong' })).resolves.toBeUndefined();
  });

  test('a message of a contact comes to the registered address, and is posted again until it is taken', async () => {
    await using world = await startTelnyxWorld();
    await register(world);
    await world.telnyx.receive({ from: message.to, to: world.from, text: 'hi' });
    expect(world.webhooks.map(({ url }) => url)).toEqual([ours]);
  });
});
