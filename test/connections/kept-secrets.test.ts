import { createChannels } from '../../src/channels/registry.ts';
import { startWorld, type World } from '../support/world.ts';

let world: World;

beforeAll(async () => {
  world = await startWorld({ isIdle: true, channels: () => createChannels({ allowPrivateTargets: true }) });
});

afterAll(() => world[Symbol.asyncDispose]());

const mail = (smtp: object) => ({ from: 'shop@example.com', smtp: { port: 465, ...smtp } });
const twilio = { accountSid: `AC${'0'.repeat(32)}`, from: '+12025550100' };

test.each<[string, string, object, object, string]>([
  ['twilio', 'sms', { ...twilio, authToken: 'sesame-1' }, { ...twilio, baseUrl: 'https://evil.example' }, 'authToken'],
  ['smpp', 'sms', { host: 'a.example', systemId: 'x', password: 'sesame-1' }, { host: 'b.example', systemId: 'x' }, 'password'],
  ['email', 'mail', mail({ host: 'a.example', password: 'sesame-1' }), mail({ host: 'b.example' }), 'smtp.password'],
])(
  '%s: a stored secret is not kept for another host, unless it is given again',
  async (type, provider, before, after, field) => {
    const location = await world.install();
    const path = `/locations/${location.id}/channels/${provider}?verify=false`;
    const put = (config: object) => world.api.put(path, { type, config });
    await put(before).expect(200);
    const { body } = await put(after).expect(422);
    expect(body.error).toMatchObject({
      code: 'request_invalid',
      details: [`config.${field}: must be given again, as the address that it is sent to has changed`],
    });
    const row = await world.db.connection.findFirstOrThrow({ where: { locationId: location.id } });
    expect(JSON.stringify(world.services.decryptConnection(row).config)).not.toMatch(/evil|b\.example/);
    const given =
      field === 'smtp.password' ? mail({ host: 'b.example', password: 'sesame-1' }) : { ...after, [field]: 'sesame-1' };
    await put(given).expect(200);
  },
);

test('a secret that signs alone is kept, and one that the program makes is made anew', async () => {
  const location = await world.install();
  const path = (provider: string) => `/locations/${location.id}/channels/${provider}?verify=false`;
  const read = async (providerKey: string) => {
    const row = await world.db.connection.findFirstOrThrow({ where: { locationId: location.id, providerKey } });
    return world.services.decryptConnection(row).config as { secret?: string; hmacKey?: string };
  };
  await world.connect(location.id);
  await world.api.put(path('sms'), { type: 'gateway', config: { url: 'https://other.example/send' } }).expect(200);
  expect(await read('sms')).toMatchObject({ url: 'https://other.example/send', secret: world.vendor.secret });

  const waha = (config: object) => world.api.put(path('whatsapp'), { type: 'waha', config });
  await waha({ baseUrl: 'https://a.example', apiKey: 'sesame-1' }).expect(200);
  const { hmacKey } = await read('whatsapp');
  expect(hmacKey).toEqual(expect.any(String));
  const { body } = await waha({ baseUrl: 'https://b.example' }).expect(422);
  expect(body.error.details).toEqual([expect.stringContaining('config.apiKey: ')]);
  await waha({ baseUrl: 'https://b.example', apiKey: 'sesame-2' }).expect(200);
  const remade = (await read('whatsapp')).hmacKey;
  expect(remade).toEqual(expect.any(String));
  expect(remade).not.toBe(hmacKey);
});
