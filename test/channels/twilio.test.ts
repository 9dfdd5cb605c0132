import type { SendOutcome } from '../../src/channels/channel.ts';
import { createTwilioConfigSchema, toMessagingUrl } from '../../src/channels/twilio/config.ts';
import { canCallBack, toStatusCallback } from '../../src/channels/twilio/send.ts';
import { createTwilioChannel } from '../../src/channels/twilio/twilio.ts';
import { type Breakage, startBrokenNetwork } from '../support/broken-network.ts';
import { checkResponse } from './twilio-openapi.ts';
import { message, startTwilioWorld, webhookUrl } from './twilio-world.ts';

const sid = (prefix: string) => prefix + 'a1'.repeat(16);
const base = { accountSid: sid('AC'), authToken: 'token', from: '+12025550100' };
const open = createTwilioConfigSchema(true);
const guarded = createTwilioConfigSchema(false);

describe('config', () => {
  test.each([
    [{ ...base, accountSid: 'AC1' }, 'accountSid', 'format'],
    [{ ...base, authToken: ' ' }, 'authToken', undefined],
    [{ ...base, from: '12 34' }, 'from', 'format'],
    [{ ...base, from: 'whatsapp:Harbour' }, 'from', 'format'],
    [{ ...base, from: 'Harbour Dental' }, 'from', 'format'],
    [{ ...base, from: undefined }, 'from', 'sender_missing'],
    [{ ...base, messagingServiceSid: sid('AC') }, 'messagingServiceSid', 'format'],
    [{ ...base, apiKeySid: sid('SK') }, 'apiKeySecret', 'with_sid'],
    [{ ...base, baseUrl: 'http://api.twilio.com' }, 'baseUrl', 'https'],
    [{ ...base, baseUrl: 'https://10.0.0.1' }, 'baseUrl', 'private'],
    [{ ...base, baseUrl: 'https://u:p@x.example' }, 'baseUrl', 'plain'],
    [{ ...base, typo: 1 }, undefined, undefined],
  ])('%j is refused, naming the field and the reason', (config, field, code) => {
    const issue = guarded.safeParse(config).error?.issues[0];
    expect(issue?.path[0]).toBe(field);
    expect(issue).toBeDefined();
    if (code) expect(issue).toMatchObject({ params: { code } });
  });

  test.each([
    ['+12025550100', '+12025550100'],
    [' +1 (202) 555-0100 ', '+12025550100'],
    ['whatsapp: +1 202 555 0100', 'whatsapp:+12025550100'],
    ['12345', '12345'],
    ['Harbour', 'Harbour'],
  ])('the sender "%s" is %s', (given, from) => {
    expect(guarded.parse({ ...base, from: given })).toMatchObject({ from, baseUrl: 'https://api.twilio.com' });
  });

  test('a private address and plain http are allowed where private targets are', () => {
    expect(open.parse({ ...base, baseUrl: 'http://127.0.0.1:8000/' }).baseUrl).toBe('http://127.0.0.1:8000');
  });

  test('the API of Messaging Services has a host of its own, in each region', () => {
    expect(toMessagingUrl('https://api.twilio.com')).toBe('https://messaging.twilio.com');
    expect(toMessagingUrl('https://api.dublin.ie1.twilio.com')).toBe('https://messaging.dublin.ie1.twilio.com');
    expect(toMessagingUrl('http://127.0.0.1:8000')).toBe('http://127.0.0.1:8000');
    expect(toMessagingUrl('https://api.twilio.com.evil.example')).toBe('https://api.twilio.com.evil.example');
  });

  test('Twilio keeps opt-outs for SMS, and for WhatsApp the program does', () => {
    const channel = createTwilioChannel({ allowPrivateTargets: true });
    expect(channel.capabilities.managesOptOuts).toBe(true);
    const manages = (from: string) => channel.getCapabilities?.({ ...base, from }).managesOptOuts;
    expect([manages('+12025550100'), manages('whatsapp:+12025550100')]).toEqual([true, false]);
  });
});

describe('send', () => {
  test('an SMS names its sender, its text and a status callback with our id and the terms of its repeats', async () => {
    await using world = await startTwilioWorld();
    const outcome = await world.channel.send(world.createContext(), message);
    expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [expect.stringMatching(/^SM/)] });
    expect(Object.fromEntries(world.listForms()[0] ?? [])).toEqual({
      ...{ To: '+12025550143', From: world.from, Body: 'hello' },
      StatusCallback: `${webhookUrl}/status/${message.id}#rc=5&rp=all`,
    });
  });

  test('an MMS repeats MediaUrl; more than ten files are further parts', async () => {
    await using world = await startTwilioWorld();
    const attachments = Array.from({ length: 11 }, (_, index) => `https://files.example/${index}`);
    const outcome = await world.channel.send(world.createContext(), { ...message, attachments });
    expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [expect.any(String), expect.any(String)] });
    const [first, second] = world.listForms();
    expect([first?.getAll('MediaUrl').length, first?.get('Body')]).toEqual([10, 'hello']);
    expect([second?.getAll('MediaUrl').length, second?.get('Body')]).toEqual([1, null]);
    expect(first?.get('StatusCallback')).toContain(`/status/${message.id}-0-2#`);
    expect(second?.get('StatusCallback')).toContain(`/status/${message.id}-1-2#`);
  });

  test('WhatsApp takes one file a message; the text goes with the first', async () => {
    await using world = await startTwilioWorld();
    const attachments = ['https://files.example/a', 'https://files.example/b'];
    const outcome = await world.channel.send(world.createContext({ from: world.whatsApp }), { ...message, attachments });
    expect(outcome).toMatchObject({ kind: 'accepted', externalIds: [expect.any(String), expect.any(String)] });
    expect(world.listForms().map((form) => [form.get('To'), form.get('Body'), form.getAll('MediaUrl')])).toEqual([
      ['whatsapp:+12025550143', 'hello', [attachments[0]]],
      ['whatsapp:+12025550143', null, [attachments[1]]],
    ]);
  });

  test('a contact’s own id on WhatsApp replaces the number, and never the recipient of an SMS', async () => {
    await using world = await startTwilioWorld();
    const known = { ...message, vendorAddress: 'whatsapp:+5511999990000' };
    await world.channel.send(world.createContext({ from: world.whatsApp }), known);
    await world.channel.send(world.createContext(), known);
    expect(world.listForms().map((form) => form.get('To'))).toEqual(['whatsapp:+5511999990000', '+12025550143']);
  });

  test('a Messaging Service chooses the sender; a message may name one of its own', async () => {
    await using world = await startTwilioWorld();
    const context = world.createContext({ messagingServiceSid: world.service.sid });
    await world.channel.send(context, message);
    await world.channel.send(context, { ...message, from: '+12025550101' });
    await world.channel.send(world.createContext(), { ...message, from: world.service.sid });
    await world.channel.send(world.createContext(), { ...message, from: 'the reception desk' });
    expect(world.listForms().map((form) => [form.get('From'), form.get('MessagingServiceSid')])).toEqual([
      [null, world.service.sid],
      ['+12025550101', world.service.sid],
      [null, world.service.sid],
      [world.from, null],
    ]);
  });

  test('a part that fails leaves the earlier ones sent, and the next attempt continues after them', async () => {
    await using world = await startTwilioWorld();
    const attachments = ['https://files.example/a', 'https://files.example/b', 'https://files.example/c'];
    const context = world.createContext({ from: world.whatsApp });
    const parts = { ...message, attachments };
    // Sends the first part, then the account is suspended, which Twilio reports to the second.
    let count = 0;
    const suspending = {
      ...context,
      http: Object.assign(Object.create(context.http), {
        request: (config: object) => {
          count += 1;
          if (count === 2) world.account.status = 'suspended';
          return world.http.request(config);
        },
      }),
    };
    const held = await world.channel.send(suspending, parts);
    expect(held).toMatchObject({ kind: 'connection_error', code: '20005', acceptedParts: [expect.any(String)] });
    world.account.status = 'active';
    const { acceptedParts = [] } = held as Extract<SendOutcome, { kind: 'connection_error' }>;
    const sent = await world.channel.send(context, { ...parts, acceptedParts });
    expect(sent).toMatchObject({ kind: 'accepted', externalIds: [acceptedParts[0], expect.any(String), expect.any(String)] });
    expect(world.twilio.state.messages.map(({ mediaUrls }) => mediaUrls[0])).toEqual(attachments);
  });

  test.each([
    ['x'.repeat(1_600), undefined],
    ['x'.repeat(1_601), 'text_too_long'],
    ['', 'empty'],
  ])('a text of another length than Twilio takes is refused before it is sent', async (text, code) => {
    await using world = await startTwilioWorld();
    const outcome = await world.channel.send(world.createContext(), { ...message, text });
    expect(outcome).toMatchObject(code ? { kind: 'rejected', code } : { kind: 'accepted' });
    expect(world.calls.length).toBe(code ? 0 : 1);
  });

  test.each<[Breakage, string]>([
    ['refuse', 'unavailable'],
    ['accept_and_hang', 'unknown'],
    ['cut_after_request', 'unknown'],
  ])('a network that breaks by "%s" is %s', async (breakage, kind) => {
    await using world = await startTwilioWorld();
    await using network = await startBrokenNetwork(breakage);
    const context = world.createContext({ baseUrl: network.url });
    const stopping = new AbortController();
    const sent = world.channel.send({ ...context, signal: stopping.signal }, message);
    if (breakage === 'accept_and_hang') {
      await new Promise((done) => setTimeout(done, 200));
      await world.clock.tick(29_000);
      // Twilio may need 26 seconds: so long the channel waits.
      expect(await Promise.race([sent, Promise.resolve('waiting')])).toBe('waiting');
      await world.clock.tick(60_000);
    }
    expect(await sent).toMatchObject({ kind });
  });

  test('a success without an id, as a proxy responds, is an unknown outcome', async () => {
    await using world = await startTwilioWorld();
    const context = world.createContext({ baseUrl: `${world.apiUrl}/nothing` });
    const http = Object.assign(Object.create(context.http), {
      request: async () => ({ status: 200, data: '<html>Welcome</html>', headers: {} }),
    });
    expect(await world.channel.send({ ...context, http }, message)).toMatchObject({ kind: 'unknown', code: 'no_sid' });
  });

  test('no secret of the config is in an outcome, even if Twilio echoes the request', async () => {
    await using world = await startTwilioWorld();
    const apiKey = { apiKeySid: world.apiKey.sid, apiKeySecret: world.apiKey.secret };
    for (const config of [{}, apiKey]) {
      const context = world.createContext(config);
      const { authToken } = world.account;
      const basic = Buffer.from(`${world.account.sid}:${authToken}`).toString('base64');
      const keyBasic = Buffer.from(`${world.apiKey.sid}:${world.apiKey.secret}`).toString('base64');
      const secrets = [authToken, basic, ...('apiKeySid' in config ? [world.apiKey.secret, keyBasic] : [])];
      for (const status of [400, 401, 429, 500]) {
        const echo = secrets.flatMap((secret) => [secret, secret.replaceAll('/', '\\/'), encodeURIComponent(secret)]).join(' ');
        world.twilio.setFault({ kind: 'error', status, code: 99999, message: `echo ${echo}` });
        const outcome = JSON.stringify(await world.channel.send(context, message));
        for (const secret of secrets) expect(outcome).not.toContain(secret);
        expect(outcome).toContain('[redacted]');
      }
    }
  });

  test('an address that Twilio refuses for callbacks is left out, so that the message is sent', () => {
    const twilio = 'https://api.twilio.com';
    expect(toStatusCallback('https://my_host.example/channels/c', 'id', twilio)).toBeNull();
    const hosts = ['localhost', 'app.localhost', '127.0.0.1', '10.0.0.1', 'my_host.example', 'app.example'];
    expect(hosts.map((host) => canCallBack(`http://${host}:3000/x`, twilio))).toEqual([...Array(5).fill(false), true]);
    expect(canCallBack('http://localhost:3000/x', 'http://127.0.0.1:8000')).toBe(true);
  });
});

test('the simulator responds as Twilio’s own description says', async () => {
  await using world = await startTwilioWorld();
  await world.channel.send(world.createContext(), message);
  const credentials = Buffer.from(`${world.account.sid}:${world.account.authToken}`).toString('base64');
  const account = `/2010-04-01/Accounts/${world.account.sid}`;
  const [sent] = world.twilio.state.messages;
  const [number] = world.twilio.state.numbers;
  const paths = ['.json', '/Messages.json', `/Messages/${sent?.sid}.json`, '/IncomingPhoneNumbers.json'];
  for (const path of [...paths, `/IncomingPhoneNumbers/${number?.sid}.json`].map((one) => account + one)) {
    const { status, data } = await world.http.get(world.apiUrl + path, { headers: { authorization: `Basic ${credentials}` } });
    expect(checkResponse('GET', path, status, JSON.parse(data))).toEqual([]);
  }
});
