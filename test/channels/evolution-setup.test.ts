import { startEvolutionWorld, webhookSecret } from './whatsapp-web-world.ts';

type World = Awaited<ReturnType<typeof startEvolutionWorld>>;

const verify = (world: World, config: object = {}) =>
  world.settle(world.channel.setup?.verify(world.createContext(config)) ?? Promise.reject());
const pair = (world: World, config: object = {}) =>
  world.settle(world.channel.setup?.getPairing?.(world.createContext(config)) ?? Promise.reject());
const register = (world: World, replace = false) =>
  world.settle(world.channel.setup?.registerWebhooks?.(world.context, replace) ?? Promise.reject());
const unregister = (world: World) =>
  world.settle(world.channel.setup?.unregisterWebhooks?.(world.context) ?? Promise.resolve());

const other = {
  ...{ enabled: true, url: 'https://n8n.example/hook', headers: { 'x-own': '1' }, events: ['MESSAGES_UPSERT'] },
  ...{ webhookByEvents: true, webhookBase64: false },
};

test('a config is verified by the state of its instance, and each mistake is shown at its field', async () => {
  await using world = await startEvolutionWorld();
  expect(await verify(world)).toEqual({ kind: 'verified', account: 'Harbour Dental, +15550783883' });
  expect(await verify(world, { apiKey: 'another-key' })).toMatchObject({
    problems: [{ field: 'apiKey', code: 'credentials' }],
  });
  expect(await verify(world, { instance: 'sales' })).toMatchObject({
    problems: [{ field: 'instance', code: 'instance_unknown' }],
  });
  expect(await verify(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable' });
  world.vendor.state.isActivated = false;
  expect(await verify(world)).toMatchObject({
    problems: [{ code: 'license_required', message: expect.stringContaining('https://license.example/register') }],
  });
});

test('an instance that waits for its first pairing is accepted; one that is logged out later is a problem', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.setLink('stopped');
  expect(await verify(world)).toMatchObject({ kind: 'verified' });
  world.vendor.scan();
  expect(await verify(world)).toMatchObject({ kind: 'verified' });
  world.vendor.logOut();
  expect(await verify(world)).toMatchObject({ kind: 'rejected', problems: [{ code: 'logged_out' }] });
  world.vendor.setLink('starting');
  expect(await verify(world)).toMatchObject({ kind: 'unavailable', code: 'session_connecting' });
});

test('the QR code is shown, is a new one after a time, and the pairing is followed to its end', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.logOut();
  const first = await pair(world);
  expect(first).toEqual({ status: 'waiting', qrCode: expect.stringMatching(/^data:image\//) });
  await world.clock.tick(20_000);
  expect(await pair(world, { pairingPhone: '+16505550000' })).toMatchObject({ code: 'WXYZ-1234' });
  expect(await pair(world)).not.toEqual(first);
  world.vendor.scan();
  expect(await pair(world)).toEqual({ status: 'paired' });
});

test('the webhook of another program is replaced with a person’s consent alone, and given back', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.state.webhook = other;
  expect(await register(world)).toEqual({ kind: 'taken', by: 'n8n.example' });
  expect(world.vendor.state.webhook).toEqual(other);
  expect(await register(world, true)).toEqual({ kind: 'registered' });
  expect(world.vendor.state.webhook).toMatchObject({
    url: `${world.webhookUrl}/webhook`,
    headers: { authorization: `Bearer ${webhookSecret}` },
    events: expect.arrayContaining(['MESSAGES_UPSERT', 'CONNECTION_UPDATE']),
  });
  await unregister(world);
  expect(world.vendor.state.webhook).toEqual(other);
});

test('a webhook that is ours is left alone, and one that lacks an event is set again', async () => {
  await using world = await startEvolutionWorld();
  for (let count = 0; count < 3; count++) expect(await register(world)).toEqual({ kind: 'registered' });
  expect(world.listBodies('/webhook/set')).toHaveLength(1);
  world.vendor.state.webhook = { ...other, url: `${world.webhookUrl}/webhook`, events: [] };
  expect(await register(world)).toEqual({ kind: 'registered' });
  expect(world.vendor.state.webhook).toMatchObject({
    events: expect.arrayContaining(['MESSAGES_UPDATE']),
    webhookByEvents: false,
  });
  await unregister(world);
  expect(world.vendor.state.webhook).toMatchObject({ enabled: false });
});

test('a server that keeps no headers gets the secret in the address', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.state.keepsHeaders = false;
  for (let count = 0; count < 2; count++) expect(await register(world)).toEqual({ kind: 'registered' });
  expect(world.vendor.state.webhook).toMatchObject({ url: `${world.webhookUrl}/webhook/${webhookSecret}`, headers: null });
  expect(world.listBodies('/webhook/set')).toHaveLength(2);
  world.vendor.receive({ from: '16505551234', text: 'hi' });
  await world.waitFor(() => world.events.length > 0);
  expect(world.log.join('\n')).not.toContain(webhookSecret);
});

test('a registration that the server refuses is a failure with its reason', async () => {
  await using world = await startEvolutionWorld();
  world.vendor.setFault({ kind: 'wrong_key' });
  expect(await register(world)).toMatchObject({ kind: 'failed', code: 'credentials' });
});
