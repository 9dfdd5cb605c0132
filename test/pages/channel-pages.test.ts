import { createGatewayChannel } from '../../src/channels/gateway/gateway.ts';
import { indexChannels } from '../../src/channels/registry.ts';
import { createSandboxChannel } from '../../src/channels/sandbox/sandbox.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWorld, type World } from '../support/world.ts';

const toAdminContext = (world: World, { id, companyId }: { id: string; companyId: string }) =>
  createPageClient(world, { companyId, activeLocation: id, role: 'admin' });

test('another tenant’s channels and tests can be neither seen nor changed', async () => {
  await using world = await startWorld();
  const [one, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const [mine, theirs] = [await toAdminContext(world, one), await toAdminContext(world, other)];
  const sent = await theirs.post('channels/sms', { do: 'test', to: '+12025550177', text: 'a secret text' }).expect(200);
  const test = String(sent.body.location).split('test=')[1] ?? '';
  const own = await theirs.get(`channels/sms?test=${test}`).expect(200);
  expect(own.text).toContain('+12025550177');

  const foreign = await mine.get(`channels/sms?test=${test}`).expect(200);
  expect(foreign.text).not.toContain('+12025550177');
  for (const page of ['channels', 'channels/sms', 'channels/sms/connect?type=gateway', 'channels/sms/settings', '']) {
    const { text } = await mine.get(page).expect(200);
    expect(text).not.toContain(other.connectionId);
    expect(text).not.toContain(world.vendor.secret);
    await mine.get(`locations/${other.id}/${page}`).expect(404);
  }
  await mine.post(`locations/${other.id}/channels/sms`, { do: 'disconnect' }).expect(404);
  await mine.post('channels/sms', { do: 'disconnect', locationId: other.id }).expect(200);
  const left = await world.db.connection.findMany();
  expect(left.map(({ locationId }) => locationId)).toEqual([other.id]);
  await mine.get('channels/unheard-of').expect(404);
});

test('users without write permission, and agencies, see the channels without forms and can’t change them', async () => {
  await using world = await startWorld({ isIdle: true });
  const location = await world.setUpLocation({ dailyCap: 50, sender: '+12025550999' });
  const readers = [
    {
      pages: await createPageClient(world, { companyId: location.companyId, activeLocation: location.id, role: 'user' }),
      at: '',
    },
    {
      pages: await createPageClient(world, { companyId: location.companyId, type: 'agency', role: 'admin' }),
      at: `locations/${location.id}/`,
    },
  ];
  for (const { pages, at } of readers) {
    const { text } = await pages.get(`${at}channels/sms`).expect(200);
    expect(text).toContain('0 of 50 used today');
    expect(text).toContain('+12025550999');
    expect(text).not.toContain('<form');
    expect((await pages.get(`${at}channels`)).text).not.toContain('/connect');
    for (const page of ['connect', 'settings']) await pages.get(`${at}channels/sms/${page}`).expect(403);
    const config = { url: 'https://elsewhere.example/', secret: world.vendor.secret };
    await pages.post(`${at}channels/sms/connect`, { do: 'connect', type: 'gateway', ...config }).expect(403);
    await pages.post(`${at}channels/sms/settings`, { do: 'save', dailyCap: '1' }).expect(403);
    await pages.post(`${at}channels/sms`, { do: 'test', to: '+12025550177', text: 'x' }).expect(403);
    await pages.post(`${at}channels/sms`, { do: 'disconnect' }).expect(403);
  }
  const { config } = (await world.api.get(`/locations/${location.id}/channels/sms`).expect(200)).body;
  expect(config).toMatchObject({ url: world.vendor.url, dailyCap: 50 });
  expect(await world.db.message.count()).toBe(0);
});

test('editing a channel keeps its secret and settings, editing the settings keeps the channel, and errors are in the viewer’s language', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation({ ratePerSecond: 5, whenUnknown: 'resend' });
  const { post, get } = await toAdminContext(world, location);
  const path = `/locations/${location.id}/channels/sms`;
  const config = async () => (await world.api.get(path).expect(200)).body.config;

  await post('channels/sms/connect', {
    do: 'connect',
    type: 'gateway',
    url: `${world.vendor.url}?v=2`,
    timeoutMs: '3000',
  }).expect(200);
  expect(await config()).toEqual({ url: `${world.vendor.url}?v=2`, timeoutMs: 3000, ratePerSecond: 5, whenUnknown: 'resend' });
  const days = ['mon', 'sat'];
  const hours = { 'sendingWindow.from': '22:00', 'sendingWindow.to': '06:00', 'sendingWindow.days': days };
  await post('channels/sms/settings', { do: 'save', hours: 'some', ...hours, sender: ' Clinic ', whenOver: 'fail' }).expect(
    200,
  );
  const sendingWindow = { from: '22:00', to: '06:00', days };
  const set = {
    url: `${world.vendor.url}?v=2`,
    timeoutMs: 3000,
    sender: 'Clinic',
    sendingWindow,
    whenOver: 'fail',
    whenUnknown: 'resend',
  };
  expect(await config()).toEqual(set);

  const form = 'channels/sms/connect?type=gateway';
  const wrong = await post(form, { do: 'connect', type: 'gateway', url: '', timeoutMs: 'x' }, 'es').expect(422);
  expect(wrong.text).toContain('Este campo es obligatorio.');
  expect(wrong.text).toContain('Introduzca un número');
  expect((await post('channels/sms/settings', { do: 'save', hours: 'some' }).expect(422)).text).toContain(
    'Enter a time such as',
  );
  await post('channels/sms/connect', { do: 'connect', type: 'unheard-of' }).expect(422);
  expect(await config()).toEqual(set);

  // Messages that name no sender get the configured one, and the secret is unchanged: the vendor has checked the signature.
  await post('channels/sms/settings', { do: 'save', hours: 'any', sender: '+12025550999' }).expect(200);
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, messageId: 'm1', text: 'hi' });
  await world.advanceUntilReported('m1');
  expect(world.vendor.requests.at(-1)?.body.from).toBe('+12025550999');
  const made = await get('channels/sms/connect?type=gateway&make=secret').expect(200);
  expect(made.text).toMatch(/value="whsec_/);
  expect((await get('channels/sms/connect?type=gateway').expect(200)).text).not.toContain('whsec_');
});

test('a failing channel is reported fast in a location with many messages, and an example fills in the form', async () => {
  const phone = { url: 'http://localhost:9/phone', secret: `whsec_${Buffer.alloc(32).toString('base64')}` };
  const examples = {
    configs: { gateway: { url: 'http://localhost:9/gateway', secret: phone.secret } },
    phoneTypes: ['gateway', 'sandbox'],
    to: { sms: '+12025550143', email: 'maya@ortiz.example' },
    inboxUrl: 'http://localhost:9/desk',
  };
  const channels = () => indexChannels([createGatewayChannel({ allowPrivateTargets: true }), createSandboxChannel(phone)]);
  await using world = await startWorld({ isIdle: true, channels, services: { examples } });
  const location = await world.setUpLocation();
  const { get, post } = await toAdminContext(world, location);
  const { id: locationId, connectionId } = location;
  const at = new Date(world.clock.now());
  await world.db.$executeRaw`
    INSERT INTO messages (id, location_id, connection_id, provider_key, direction, message_type, raw_payload, created_at, updated_at)
    SELECT gen_random_uuid(), ${locationId}, ${connectionId}::uuid, 'sms', 'outbound', 'sms', '', ${at}, ${at} FROM generate_series(1, 10000)`;
  await world.db.$executeRaw`
    INSERT INTO attempts (id, message_id, connection_id, started_at, ended_at, outcome, code, reason)
    SELECT gen_random_uuid(), id, ${connectionId}::uuid, ${at}, ${at}, 'unavailable', 'http_503', 'The gateway responded with 503.' FROM messages`;
  for (const page of ['', 'channels', 'channels/sms']) {
    expect((await get(page).expect(200)).text).toContain('The gateway responded with 503.');
  }

  const choice = await get('channels/whatsapp/connect').expect(200);
  expect(choice.text).toContain('Use the demo account');
  const filled = await get('channels/whatsapp/connect?type=gateway&example=1').expect(200);
  expect(filled.text).toContain('value="http://localhost:9/gateway"');
  const whole = await post('channels/whatsapp/connect', { do: 'connect', type: 'sandbox' }).expect(200);
  expect(whole.body.location).toBe('#/channels/whatsapp');
});

test('the gateway protocol is public and does not name the platform', async () => {
  await using world = await startWorld({ isIdle: true });
  const { text, headers } = await world.client.get('/docs/gateway-protocol.md').expect(200);
  expect(headers['content-type']).toContain('text/plain');
  expect(text).toContain('webhook-signature');
  expect(text).not.toMatch(/highlevel/i);
  await world.client.get('/docs/operating.md').expect(404);
});
