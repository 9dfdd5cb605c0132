import { findSecretFields } from '../../src/channels/config-schema.ts';
import { readNextPath } from '../../src/channels/twilio/api.ts';
import { startTwilioWorld, type TwilioWorld, webhookUrl } from './twilio-world.ts';

const verify = (world: TwilioWorld, config = {}) => world.channel.setup?.verify(world.createContext(config));
const inboundUrl = `${webhookUrl}/inbound`;

describe('verify', () => {
  test('names the account; a number, a Messaging Service, a WhatsApp sender and an API key are its own', async () => {
    await using world = await startTwilioWorld();
    const apiKey = { apiKeySid: world.apiKey.sid, apiKeySecret: world.apiKey.secret };
    const configs = [{}, { messagingServiceSid: world.service.sid }, { from: world.whatsApp }, apiKey, { from: 'Harbour' }];
    for (const config of configs) {
      expect(await verify(world, config)).toEqual({ kind: 'verified', account: 'Harbour Dental', warnings: [] });
    }
  });

  test.each([
    [{ authToken: 'wrong' }, 'authToken', 'credentials'],
    [{ accountSid: `AC${'0'.repeat(32)}` }, 'authToken', 'credentials'],
    [{ apiKeySid: `SK${'0'.repeat(32)}`, apiKeySecret: 'x' }, 'apiKeySecret', 'credentials'],
    [{ from: '+12025550199' }, 'from', 'sender_unknown'],
    [{ messagingServiceSid: `MG${'0'.repeat(32)}` }, 'messagingServiceSid', 'service_unknown'],
  ])('%j is a problem of the field %s', async (config, field, code) => {
    await using world = await startTwilioWorld();
    expect(await verify(world, config)).toMatchObject({ kind: 'rejected', problems: [{ field, code }] });
  });

  test('a number without SMS is a problem of the sender', async () => {
    await using world = await startTwilioWorld();
    const [number] = world.twilio.state.numbers;
    if (number) number.hasSms = false;
    expect(await verify(world)).toMatchObject({ kind: 'rejected', problems: [{ field: 'from', code: 'sender_no_sms' }] });
  });

  test.each(['suspended', 'closed'] as const)('a %s account is a problem of no field', async (status) => {
    await using world = await startTwilioWorld();
    world.account.status = status;
    const result = await verify(world);
    expect(result).toEqual({
      kind: 'rejected',
      problems: [{ code: `account_${status}`, message: expect.stringContaining(status) }],
    });
  });

  test('a trial, an offline or unlisted WhatsApp sender and the sandbox are warnings', async () => {
    await using world = await startTwilioWorld();
    const [sender] = world.twilio.state.channelSenders;
    const warnings = async (config = {}) => {
      const result = await verify(world, config);
      return result?.kind === 'verified' ? result.warnings : result;
    };
    if (sender) sender.status = 'OFFLINE';
    expect(await warnings({ from: world.whatsApp })).toEqual([expect.stringContaining('offline')]);
    expect(await warnings({ from: 'whatsapp:+12025550188' })).toEqual([expect.stringContaining('does not list')]);
    expect(await warnings({ from: 'whatsapp:+14155238886' })).toEqual([expect.stringContaining('sandbox')]);
    world.account.type = 'Trial';
    expect(await warnings()).toEqual([expect.stringContaining('trial')]);
  });

  test('an address that Twilio cannot call is a warning', async () => {
    await using world = await startTwilioWorld();
    const context = world.createContext({}, { webhookUrl: 'https://my_host.example/channels/c' });
    expect(await world.channel.setup?.verify(context)).toMatchObject({
      warnings: [expect.stringContaining('my_host.example')],
    });
  });

  test('a Twilio that does not respond is unavailable, not a wrong config', async () => {
    await using world = await startTwilioWorld();
    expect(await verify(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
  });

  test('no secret is in a result', async () => {
    await using world = await startTwilioWorld();
    const token = 'the-wrong-token-of-this-test';
    expect(JSON.stringify(await verify(world, { authToken: token }))).not.toContain(token);
    expect([...findSecretFields(world.channel.configSchema).keys()]).toEqual(['authToken', 'apiKeySecret']);
  });
});

test('the numbers that can send, page by page, and the Messaging Services are listed', async () => {
  await using world = await startTwilioWorld();
  const { numbers } = world.twilio.state;
  const [first] = numbers;
  for (let index = 0; index < 150 && first; index++) {
    numbers.push({
      ...first,
      sid: `PN${String(index).padStart(32, '0')}`,
      phoneNumber: `+1202556${String(index).padStart(4, '0')}`,
    });
  }
  numbers.push({ ...(first as NonNullable<typeof first>), phoneNumber: '+12025569999', hasSms: false });
  const all = (await world.channel.setup?.listSenders?.(world.createContext())) ?? [];
  expect(all).toHaveLength(153);
  expect(all[0]).toEqual({ address: world.from, label: `Front desk (${world.from})` });
  expect(all.at(-1)).toEqual({ address: world.service.sid, label: `Reminders (${world.service.sid})` });
  const pool = await world.channel.setup?.listSenders?.(world.createContext({ messagingServiceSid: world.service.sid }));
  expect(pool?.map(({ address }) => address)).toEqual([world.service.pool[0], world.service.sid]);
});

test('a next page elsewhere is requested from Twilio all the same', () => {
  const base = 'https://api.twilio.com';
  expect(readNextPath({ next_page_uri: '/2010-04-01/x.json?Page=1' }, base)).toBe('/2010-04-01/x.json?Page=1');
  expect(readNextPath({ meta: { next_page_url: 'https://evil.example/v1/Services?Page=1' } }, base)).toBe(
    '/v1/Services?Page=1',
  );
  expect(readNextPath({ next_page_uri: '/twilio/x?Page=1' }, 'https://proxy.example/twilio')).toBe('/x?Page=1');
  expect([readNextPath({}, base), readNextPath({ next_page_uri: null, meta: null }, base)]).toEqual([null, null]);
});

describe('webhooks', () => {
  const register = (world: TwilioWorld, config = {}, replace = false) =>
    world.channel.setup?.registerWebhooks?.(world.createContext(config), replace);
  const unregister = (world: TwilioWorld, config = {}) =>
    world.channel.setup?.unregisterWebhooks?.(world.createContext(config));

  test('are registered with the number, once, and removed again', async () => {
    await using world = await startTwilioWorld();
    const [number] = world.twilio.state.numbers;
    if (number) number.smsUrl = 'https://demo.twilio.com/welcome/sms/reply/';
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(number).toMatchObject({ smsUrl: `${inboundUrl}#rc=5&rp=all`, smsMethod: 'POST' });
    const writes = () => world.listForms().length;
    const before = writes();
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(writes()).toBe(before);
    if (number) number.smsMethod = 'GET';
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(number?.smsMethod).toBe('POST');
    await unregister(world);
    expect(number?.smsUrl).toBe('');
  });

  test('of another program are kept until a person agrees', async () => {
    await using world = await startTwilioWorld();
    const [number] = world.twilio.state.numbers;
    const other = 'https://other.example/sms';
    if (number) number.smsUrl = other;
    expect(await register(world)).toEqual({ kind: 'taken', by: 'other.example' });
    await unregister(world);
    expect(number?.smsUrl).toBe(other);
    expect(await register(world, {}, true)).toEqual({ kind: 'registered' });
    expect(number?.smsUrl).toContain(inboundUrl);
  });

  test('are registered with a Messaging Service, which overrules its numbers unless it defers to them', async () => {
    await using world = await startTwilioWorld();
    const config = { messagingServiceSid: world.service.sid };
    expect(await register(world, config)).toEqual({ kind: 'registered' });
    expect(world.service.inboundRequestUrl).toBe(`${inboundUrl}#rc=5&rp=all`);
    world.service.useInboundWebhookOnNumber = true;
    expect(await register(world, config)).toMatchObject({ kind: 'taken', by: expect.stringContaining('numbers') });
    expect(await register(world, config, true)).toEqual({ kind: 'registered' });
    expect(world.service.useInboundWebhookOnNumber).toBe(false);
    await unregister(world, config);
    expect(world.service.inboundRequestUrl).toBe('');
  });

  test('of WhatsApp, a short code and a TwiML app are entered by a person; a name has none', async () => {
    await using world = await startTwilioWorld();
    for (const from of [world.whatsApp, '12345']) {
      expect(await register(world, { from })).toEqual({ kind: 'manual', message: expect.stringContaining(inboundUrl) });
    }
    expect(await register(world, { from: 'Harbour' })).toEqual({ kind: 'registered' });
    const [number] = world.twilio.state.numbers;
    if (number) number.smsApplicationSid = `AP${'0'.repeat(32)}`;
    expect(await register(world, {}, true)).toMatchObject({ kind: 'manual' });
  });

  test('fail with the reason', async () => {
    await using world = await startTwilioWorld();
    expect(await register(world, { authToken: 'wrong' })).toMatchObject({ kind: 'failed', code: '20003' });
    expect(await register(world, { from: '+12025550199' })).toMatchObject({ kind: 'failed' });
    const context = world.createContext({}, { webhookUrl: 'https://my_host.example/channels/c' });
    expect(await world.channel.setup?.registerWebhooks?.(context, false)).toMatchObject({
      kind: 'failed',
      code: 'address_private',
    });
    await expect(unregister(world, { authToken: 'wrong' })).resolves.toBeUndefined();
  });
});
