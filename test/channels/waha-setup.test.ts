import { startWahaWorld } from './whatsapp-web-world.ts';

type World = Awaited<ReturnType<typeof startWahaWorld>>;

const verify = (world: World, config: object = {}) =>
  world.settle(world.channel.setup?.verify(world.createContext(config)) ?? Promise.reject());
const pair = (world: World, config: object = {}) =>
  world.settle(world.channel.setup?.getPairing?.(world.createContext(config)) ?? Promise.reject());
const register = (world: World) =>
  world.settle(world.channel.setup?.registerWebhooks?.(world.context, false) ?? Promise.reject());

test('a config is verified by the state of its session, and each mistake is shown at its field', async () => {
  await using world = await startWahaWorld();
  expect(await verify(world)).toEqual({ kind: 'verified', account: 'Harbour Dental, +15550783882' });
  expect(await verify(world, { apiKey: 'another-key' })).toMatchObject({
    problems: [{ field: 'apiKey', code: 'credentials' }],
  });
  expect(await verify(world, { session: 'sales' })).toMatchObject({
    problems: [{ field: 'session', code: 'session_unknown' }],
  });
  expect(await verify(world, { baseUrl: 'http://127.0.0.1:9' })).toMatchObject({ kind: 'unavailable', code: 'unreachable' });
});

test('a session that waits for its first pairing is accepted; one that is logged out later is a problem', async () => {
  await using world = await startWahaWorld();
  world.vendor.setLink('scan');
  expect(await verify(world)).toMatchObject({ kind: 'verified', account: 'default' });
  world.vendor.scan();
  expect(await verify(world)).toMatchObject({ kind: 'verified' });
  world.vendor.logOut();
  expect(await verify(world)).toMatchObject({ kind: 'rejected', problems: [{ code: 'logged_out' }] });
  world.vendor.setLink('stopped');
  expect(await verify(world)).toMatchObject({ problems: [{ code: 'session_stopped' }] });
  world.vendor.setLink('failed');
  expect(await verify(world)).toMatchObject({ problems: [{ code: 'session_failed' }] });
  world.vendor.setLink('starting');
  expect(await verify(world)).toMatchObject({ kind: 'unavailable', code: 'session_connecting' });
});

test('the QR code is shown, is a new one after a time, and the pairing is followed to its end', async () => {
  await using world = await startWahaWorld();
  world.vendor.setLink('scan');
  const first = await pair(world);
  expect(first).toMatchObject({ status: 'waiting', qrCode: expect.stringMatching(/^data:image\//) });
  expect(await pair(world)).toEqual(first);
  await world.clock.tick(20_000);
  expect(await pair(world)).not.toEqual(first);
  world.vendor.scan();
  expect(await pair(world)).toEqual({ status: 'paired' });
});

test('with a number the page shows a code as well, which is asked for once in two minutes', async () => {
  await using world = await startWahaWorld();
  world.vendor.setLink('scan');
  const config = { pairingPhone: '+16505550000' };
  for (let count = 0; count < 3; count++)
    expect(await pair(world, config)).toMatchObject({ code: 'ABCD-EFGH', qrCode: expect.any(String) });
  const isRequest = ({ operation }: { operation: string }) => operation.endsWith('request-code');
  expect(world.requests.filter(isRequest)).toMatchObject([{ body: { phoneNumber: '16505550000' } }]);
  await world.clock.tick(130_000);
  await pair(world, config);
  expect(world.requests.filter(isRequest)).toHaveLength(2);
});

test('the pairing page starts a session that is stopped, and restarts one that has failed', async () => {
  await using world = await startWahaWorld();
  for (const [link, action] of [
    ['stopped', 'start'],
    ['failed', 'restart'],
  ] as const) {
    world.vendor.setLink(link);
    expect(await pair(world)).toEqual({ status: 'waiting' });
    expect(world.requests.at(-1)?.operation).toBe(`/api/sessions/{session}/${action}`);
    expect(await pair(world)).toMatchObject({ qrCode: expect.any(String) });
  }
});

test('the webhook is added to the server’s own list, and the session is restarted once', async () => {
  await using world = await startWahaWorld();
  const other = { url: 'https://n8n.example/hook', events: ['message'], hmac: { key: 'of-another-program' } };
  world.vendor.state.config = { metadata: { team: 'a' }, proxy: { server: 'p:1' }, webhooks: [other] };
  for (let count = 0; count < 3; count++) expect(await register(world)).toEqual({ kind: 'registered' });
  expect(world.vendor.state.restartCount).toBe(1);
  expect(world.vendor.state.config).toMatchObject({
    metadata: { team: 'a' },
    proxy: { server: 'p:1' },
    webhooks: [other, { url: `${world.webhookUrl}/webhook`, hmac: { key: 'key-of-the-hmac' }, retries: { attempts: 15 } }],
  });
  await world.settle(world.channel.setup?.unregisterWebhooks?.(world.context) ?? Promise.resolve());
  expect(world.vendor.state.config).toMatchObject({ metadata: { team: 'a' }, webhooks: [other] });
});

test('a webhook of ours that lacks an event, or has an old key, is replaced, and is there once', async () => {
  await using world = await startWahaWorld();
  const url = `${world.webhookUrl}/webhook`;
  for (const stale of [
    { url, events: ['message'] },
    { url, events: ['*'], hmac: { key: 'old' } },
  ]) {
    world.vendor.state.config = { webhooks: [stale, stale] };
    expect(await register(world)).toEqual({ kind: 'registered' });
    expect(world.vendor.state.config.webhooks).toMatchObject([{ url, hmac: { key: 'key-of-the-hmac' } }]);
  }
  world.vendor.setFault({ kind: 'wrong_key' });
  expect(await register(world)).toMatchObject({ kind: 'failed', code: 'credentials' });
});
