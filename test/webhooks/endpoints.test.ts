import { runCleanup } from '../../src/worker/cleanup.ts';
import { allProviders, startWorld, type World } from '../support/world.ts';

const idle = { isIdle: true };
const minute = 60_000;
const day = 24 * 60 * minute;
const [sms, whatsapp, mail] = allProviders as [(typeof allProviders)[0], (typeof allProviders)[0], (typeof allProviders)[0]];
const onlySmsAndMail = { providers: [sms, mail] };

function post(world: World, path: string, content: unknown): Promise<number> {
  return world.highlevel.postSigned(path, typeof content === 'string' ? content : JSON.stringify(content));
}

const text = (locationId: string, fields: object = {}) => ({
  ...{ locationId, messageId: 'm1', type: 'SMS', contactId: 'c1', phone: '+12025550143', message: 'hello' },
  ...fields,
});

async function listed(world: World) {
  const { body } = await world.api.get('/unknown-webhooks').expect(200);
  return body.items as { address: string; reasonCode: string; body: string; receivedCount: number; sizeBytes: number }[];
}

async function counted(world: World): Promise<string> {
  return (await world.client.get('/metrics').expect(200)).text;
}

async function sendAmbiguous(world: World) {
  const { body } = await world.api.get('/alerts?open=true&kind=addresses_mixed_up').expect(200);
  return body.items as { subject: string; details: string; locationId: string | null }[];
}

test.each(['OutboundMessage', 'InboundMessage'] as const)(
  'an %s event at a Delivery URL sends nothing and does not stand in the way of the message itself',
  async (type) => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    const attachments = ['https://example.com/picture.png'];
    const fields = { type, locationId: location.id, contactId: location.contact.id, messageId: 'the-message', attachments };
    for (const path of ['/webhooks/providers/sms', '/webhooks/app']) {
      expect(await post(world, path, world.highlevel.toMessageEventBody(fields))).toBe(202);
      // Older ones name no app.
      expect(await post(world, path, world.highlevel.toMessageEventBody({ ...fields, appId: undefined }))).toBe(202);
    }
    expect(await world.db.message.count()).toBe(0);
    expect(await world.db.appEvent.count()).toBe(0);

    await world.highlevel.sendMessage(location.id, {
      contactId: location.contact.id,
      text: 'the real one',
      messageId: 'the-message',
    });
    await world.advanceUntilReported('the-message');
    expect(world.vendor.listReceived().map(({ text }) => text)).toEqual(['the real one']);
  },
);

test('a delivery webhook at the app’s address is delivered, by the provider that it names or the only one of its messageType', async () => {
  await using world = await startWorld({ services: onlySmsAndMail });
  const location = await world.setUpLocation();
  await world.connect(location.id, 'mail');
  const { id: contactId } = location.contact;
  expect(await post(world, '/webhooks/app', text(location.id, { contactId }))).toBe(202);
  const email = { messageId: 'm2', type: 'Email', phone: undefined, emailTo: ['maya@example.com'], html: '<p>x</p>' };
  expect(await post(world, '/webhooks/app', text(location.id, { contactId, ...email }))).toBe(202);
  const custom = { messageId: 'm3', type: 'Custom', phone: undefined, conversationProviderId: sms.id };
  expect(await post(world, '/webhooks/app', text(location.id, { contactId, ...custom }))).toBe(202);
  await world.advanceUntil(() => world.vendor.listReceived().length === 3);
  const keys = (await world.db.message.findMany({ orderBy: { highlevelMessageId: 'asc' } })).map(
    ({ providerKey }) => providerKey,
  );
  expect(keys).toEqual(['sms', 'mail', 'sms']);
});

test('a delivery webhook that could be for several providers is acknowledged, stored for the operator and not sent', async () => {
  await using world = await startWorld({ ...idle, watchesAlerts: true });
  const body = text('l', { token: 'a "very" secret', apiKey: 'k-123' });
  for (let n = 0; n < 3; n++) expect(await post(world, '/webhooks/app', body)).toBe(202);
  expect(await world.db.message.count()).toBe(0);
  expect(await listed(world)).toMatchObject([{ address: 'app', reasonCode: 'provider_ambiguous', receivedCount: 3 }]);
  expect((await listed(world))[0]?.body).toContain('hello');
  expect((await listed(world))[0]?.body).not.toMatch(/k-123|a \\"very/);
  await world.advanceUntil(async () => (await sendAmbiguous(world)).length === 1, 'an alert', 20_000);
  expect((await sendAmbiguous(world))[0]?.details).toContain('it was not sent');
});

test('a message that names our other provider goes by that one, wherever it arrived', async () => {
  await using world = await startWorld(idle);
  expect(await post(world, '/webhooks/providers/sms', text('l', { conversationProviderId: whatsapp.id }))).toBe(202);
  expect((await world.getMessage('m1')).providerKey).toBe('whatsapp');
});

test('swapped Delivery URLs of texts and emails are detected', async () => {
  await using world = await startWorld({ ...idle, services: onlySmsAndMail });
  await post(world, '/webhooks/providers/mail', text('l'));
  const email = {
    messageId: 'm2',
    type: 'Email',
    phone: undefined,
    emailTo: ['a@example.com'],
    html: '<p>x</p>',
    subject: 'x',
  };
  await post(world, '/webhooks/providers/sms', text('l', email));
  expect(await world.getMessage('m1')).toMatchObject({ providerKey: 'sms', messageType: 'sms', to: '+12025550143' });
  expect(await world.getMessage('m2')).toMatchObject({ providerKey: 'mail', messageType: 'email', to: 'a@example.com' });
});

test('what HighLevel signed for another app or its provider is acknowledged, counted, and stored nowhere', async () => {
  await using world = await startWorld(idle);
  const { id } = await world.install();
  const appId = 'anotherapp00000000000000';
  const uninstall = world.highlevel.toEventBody({ type: 'UNINSTALL', locationId: id, appId });
  for (const path of ['/webhooks/providers/sms', '/webhooks/app']) {
    const event = { type: 'InboundMessage', locationId: id, messageId: 'm1', appId } as const;
    expect(await post(world, path, world.highlevel.toMessageEventBody(event))).toBe(202);
    expect(await post(world, path, text(id, { conversationProviderId: 'another-provider' }))).toBe(202);
    expect(await post(world, path, text(id, { appId }))).toBe(202);
    expect(await post(world, path, uninstall)).toBe(202);
  }
  const tables = [world.db.message, world.db.appEvent, world.db.unknownWebhook, world.db.job] as { count(): Promise<number> }[];
  for (const table of tables) expect(await table.count()).toBe(0);
  expect(await counted(world)).toContain('patchbay_webhooks_total{kind="provider",outcome="not_ours"} 4');
  expect(await counted(world)).toContain('patchbay_webhooks_total{kind="app",outcome="not_ours"} 4');
});

test('an app event at a Delivery URL is acted on', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.clock.jump(1_000);
  const body = world.highlevel.toEventBody({ type: 'UNINSTALL', locationId: location.id });
  expect(await post(world, '/webhooks/providers/sms', body)).toBe(202);
  const status = async () => (await world.db.installation.findFirstOrThrow()).status;
  await world.advanceUntil(async () => (await status()) === 'uninstalled');
});

test('an unknown body at a Delivery URL is acknowledged, never sent, and shown to the operator alone', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const odd = { type: 'SomethingNew', locationId: location.id, messageId: 'm9', note: '<script>alert(1)</script>' };
  for (const body of [odd, { messageId: 'm' }, [1], null, { ...text(location.id), direction: 'inbound' }]) {
    expect(await post(world, '/webhooks/providers/sms', body)).toBe(202);
  }
  expect(await world.db.message.count()).toBe(0);
  const reasons = (await listed(world)).map(({ reasonCode }) => reasonCode);
  expect(reasons).toEqual(['inbound', 'not_an_object', 'not_an_object', 'unknown_shape', 'unknown_shape']);
  const asAdmin = await world.apiAs({ companyId: location.companyId, activeLocation: location.id });
  await asAdmin.get('/unknown-webhooks').expect(403);
});

test('only the newest thousand unknown webhooks are stored, each with its start, for thirty days', async () => {
  await using world = await startWorld(idle);
  await world.db.$executeRaw`
    INSERT INTO unknown_webhooks (id, hash, address, reason_code, body, size_bytes, received_at, last_seen_at)
    SELECT gen_random_uuid(), n::text, 'app', 'unknown_shape', '{}', 2, ${new Date(world.clock.now() - day)}, now()
    FROM generate_series(1, 1200) AS n`;
  await post(world, '/webhooks/providers/sms', { type: 'New', pad: 'x'.repeat(100_000) });
  expect(await world.db.unknownWebhook.count()).toBe(1_000);
  const newest = await world.db.unknownWebhook.findFirstOrThrow({ orderBy: { receivedAt: 'desc' } });
  expect(newest.sizeBytes).toBeGreaterThan(100_000);
  expect(newest.body.length).toBeLessThan(5_000);
  world.clock.jump(29.5 * day);
  await runCleanup(world.services);
  expect(await world.db.unknownWebhook.count()).toBe(1);
  world.clock.jump(day);
  await runCleanup(world.services);
  expect(await world.db.unknownWebhook.count()).toBe(0);
});

test('the operator is notified once that addresses are mixed up, which one and what belongs there; the alert ends a day after the last one', async () => {
  await using world = await startWorld({ ...idle, watchesAlerts: true, services: onlySmsAndMail });
  await post(world, '/webhooks/app', text('l'));
  await post(world, '/webhooks/providers/sms', world.highlevel.toEventBody({ type: 'INSTALL', companyId: 'c' }));
  await post(world, '/webhooks/providers/mail', text('l', { messageId: 'm2', conversationProviderId: 'id-with-a-typo' }));
  await world.advanceUntil(async () => (await sendAmbiguous(world)).length === 3, 'three alerts', 20_000);
  const found = Object.fromEntries((await sendAmbiguous(world)).map(({ subject, details }) => [subject, details]));
  expect(found.app).toContain('a message for the provider “sms”, whose address is /webhooks/providers/sms');
  expect(found['providers/sms']).toContain('an event of the app, whose address is /webhooks/app');
  expect(found['providers/mail']).toContain('id-with-a-typo, which is not in HIGHLEVEL_PROVIDERS. It was not sent');

  // Later ones belong to the same alert.
  await post(world, '/webhooks/app', text('l', { messageId: 'm3' }));
  await world.advance(12 * 60 * minute, 60 * minute);
  await post(world, '/webhooks/app', text('l', { messageId: 'm4' }));
  await world.advance(13 * 60 * minute, 60 * minute);
  await world.advanceUntil(async () => (await sendAmbiguous(world)).length === 1, 'one alert', 20_000);
  expect(await world.db.alert.count({ where: { kind: 'addresses_mixed_up' } })).toBe(3);
  await world.advance(12 * 60 * minute, 60 * minute);
  await world.advanceUntil(async () => (await sendAmbiguous(world)).length === 0, 'no alert', 20_000);
});

test('right addresses raise no alert', async () => {
  await using world = await startWorld({ watchesAlerts: true });
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.highlevel.postEvent({ type: 'UPDATE', locationId: location.id });
  await world.advanceUntilReported(messageId);
  await world.advance(3 * minute, 30_000);
  expect(await world.db.alert.count()).toBe(0);
});

test('messages of a location that never had the app are deleted after the retention, those of others stay', async () => {
  await using world = await startWorld({ isIdle: true, services: { retentionDays: 30 } });
  const location = await world.setUpLocation();
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'stays' });
  for (const locationId of ['a-stranger', 'zz-stranger']) await post(world, '/webhooks/providers/sms', text(locationId));
  world.clock.jump(29 * day);
  await post(world, '/webhooks/providers/sms', text('a-stranger', { messageId: 'm2' }));
  await runCleanup(world.services);
  expect(await world.db.message.count()).toBe(4);
  world.clock.jump(2 * day);
  await runCleanup(world.services);
  const left = await world.db.message.findMany({ select: { locationId: true, highlevelMessageId: true } });
  expect(left.map(({ locationId }) => locationId).sort()).toEqual([location.id, 'a-stranger'].sort());
  world.clock.jump(31 * day);
  await runCleanup(world.services);
  expect(await world.db.message.count()).toBe(1);
});
