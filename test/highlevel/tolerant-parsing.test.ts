import { runCleanup } from '../../src/worker/cleanup.ts';
import { startWorld, type World } from '../support/world.ts';

/** Shapes of real accounts and gateways that differ from their documentation. */

const idle = { isIdle: true };
const inbound = { externalId: 'e-1', from: '+12025550143', text: 'hello' };
const callback = (world: World, code: string) => world.client.get('/oauth/callback').query({ code }).set('accept', 'text/html');

test('tokens with null for absent owners, numbers as text, and no kind, are an install', async () => {
  await using world = await startWorld(idle);
  const location = world.highlevel.addLocation();
  const body = {
    ...{ access_token: 'a', refresh_token: 'r', expires_in: '86399', scope: ['x', 'y'], userType: null },
    ...{ companyId: null, locationId: location.id, isBulkInstallation: null, userId: '' },
  };
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: { status: 200, body } });
  await callback(world, world.highlevel.approveInstall(location.id)).expect(200);
  expect(await world.db.installation.findMany()).toMatchObject([
    { kind: 'location', resourceId: location.id, status: 'active' },
  ]);
});

test.each([
  ['names no owner', { status: 200, body: { access_token: 'a', companyId: null, locationId: null } }],
  ['is no JSON', { status: 200, body: '<html>' }],
  ['is lost', { cut: 'after_handling' }],
  ['says that HighLevel is down', { status: 503 }],
] as const)('a page does not promise a safe retry when the response to a code %s', async (_name, does) => {
  await using world = await startWorld(idle);
  const location = world.highlevel.addLocation();
  world.highlevel.faults.add({ operation: 'token:authorization_code', times: 1, effect: does });
  const { text } = await callback(world, world.highlevel.approveInstall(location.id)).expect(502);
  expect(text).toContain('Installation not finished');
  expect(text).not.toMatch(/nothing is lost/i);
  expect(text).toContain('href="/install"');
  await callback(world, world.highlevel.approveInstall(location.id)).expect(200);
});

test('a page does not suggest the same code again when its tokens could not be stored', async () => {
  await using world = await startWorld(idle);
  const location = world.highlevel.addLocation();
  await world.db.$executeRawUnsafe('ALTER TABLE installations ADD CONSTRAINT takes_nothing CHECK (access_token IS NULL)');
  const { text } = await callback(world, world.highlevel.approveInstall(location.id)).expect(502);
  expect(text).toContain('Installation not finished');
  await world.db.$executeRawUnsafe('ALTER TABLE installations DROP CONSTRAINT takes_nothing');
  await callback(world, world.highlevel.approveInstall(location.id)).expect(200);
});

test('an unreadable row of a listing hides no other, and the next page begins after all of them', async () => {
  await using world = await startWorld();
  world.highlevel.addCompany({ id: 'Company1' });
  const locationIds = [1, 2, 3, 4].map(() => world.highlevel.addLocation({ companyId: 'Company1' }).id);
  const locations = [
    { _id: locationIds[0], name: null, isInstalled: 'true' },
    { name: 'nameless', isInstalled: true },
    null,
    { _id: locationIds[3], isInstalled: true },
  ];
  const page = { status: 200, body: { locations, installToFutureLocations: null } };
  world.highlevel.faults.add({ operation: 'listInstalledLocations', times: 1, effect: page });
  await world.finishInstall(world.highlevel.approveCompanyInstall('Company1', [locationIds[0], locationIds[3]] as string[]));
  await world.advanceUntil(async () => (await world.api.get('/companies/Company1')).body.sync.status === 'done');
  expect(world.highlevel.calls.listByOperation('listInstalledLocations')).toHaveLength(2);
  const active = { kind: 'location', status: 'active' } as const;
  await world.advanceUntil(async () => (await world.db.installation.count({ where: active })) === 2);
});

test.each([
  ['text', { message: { text: 'hi' }, attachments: ['https://x.example/a'] }, 'content_unreadable'],
  ['html', { message: 'hi', html: ['<p>', '</p>'] }, 'content_unreadable'],
  ['attachment', { message: 'hi', attachments: [{ id: 7 }] }, 'attachments_unreadable'],
])('a message whose %s can’t be read is reported as failed, with the reason, and never sent', async (_name, content, code) => {
  await using world = await startWorld();
  const { id, contact } = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(id, { contactId: contact.id, text: 'before' });
  await world.advanceUntilReported(messageId);
  world.highlevel.state.messages.odd = { ...world.highlevel.state.messages[messageId], id: 'odd', statuses: [] } as never;
  const webhook = { locationId: id, messageId: 'odd', contactId: contact.id, phone: '+12025550143', type: 'SMS', ...content };
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(webhook))).toBe(202);
  await world.advanceUntilReported('odd');
  expect(world.highlevel.listStatuses('odd')).toEqual(['failed']);
  expect(await world.getMessage('odd')).toMatchObject({ state: 'failed', reasonCode: code });
  expect(world.vendor.requests).toHaveLength(1);
});

test('empty fields remove no content of a message, and its ids may be numbers with all their digits', async () => {
  await using world = await startWorld();
  const { id } = await world.setUpLocation();
  const webhook = `{"locationId":"${id}","messageId":1234567890123456789,"message":482913,"phone":12025550143,"type":null,
    "attachments":[null,""],"html":{},"subject":[],"emailTo":"","contactId":null}`;
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', `\ufeff${webhook}`)).toBe(202);
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(world.vendor.listReceived()[0]).toMatchObject({ to: '+12025550143', text: '482913', attachments: [], html: null });
  expect(await world.getMessage('1234567890123456789')).toMatchObject({ state: 'delivered' });
});

test('the text of an inbound message with unreadable attachments is never lost, and has their number', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const data = 'data:image/png;base64,AAAA';
  const call = (content: object) => world.postChannelWebhook(location.connectionId, 'inbound', { ...inbound, ...content });
  await call({ externalId: 1, attachments: [data, { link: data }] }).expect(202);
  await call({ externalId: 2, attachments: [null] }).expect(202);
  const { body } = await call({ externalId: 3, text: null, attachments: data }).expect(400);
  expect(body.error.details).toEqual([expect.stringContaining('attachments with web addresses')]);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 2);
  expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual([
    'hello\n[2 attachments were left out: they have no web address, or there were too many.]',
    'hello',
  ]);
});

test('a webhook whose text is not text is rejected with the field’s name, so that the gateway can be repaired', async () => {
  await using world = await startWorld(idle);
  const { connectionId } = await world.setUpLocation();
  for (const field of ['text', 'html', 'subject']) {
    const { body } = await world
      .postChannelWebhook(connectionId, 'inbound', { ...inbound, [field]: { body: 'hi' } })
      .expect(400);
    expect(body.error).toMatchObject({ code: 'payload_invalid', details: [`${field}: must be text`] });
  }
});

test('a gateway’s webhook of 1.2 MB, with a picture in its text, is accepted', async () => {
  await using world = await startWorld(idle);
  const { connectionId } = await world.setUpLocation();
  const html = `<img src="data:image/png;base64,${'A'.repeat(1_200_000)}">`;
  await world.postChannelWebhook(connectionId, 'inbound', { ...inbound, text: null, html }).expect(202);
  const row = await world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
  expect(row.html).toBe(html);
  await world.postChannelWebhook(connectionId, 'inbound', { ...inbound, text: 'A'.repeat(10 * 1024 * 1024) }).expect(413);
});

test('an email in capitals, or with its owner’s name, comes from one contact, under its address alone', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail');
  const owner = `"${'Maya Ortiz of the Harbour Dental Clinic '.repeat(8).trim()}"`;
  const senders = ['Maya Ortiz <maya@example.com>', 'MAYA@EXAMPLE.COM', `${owner} <Maya@Example.com>`];
  for (const [at, from] of senders.entries()) {
    const to = 'The clinic <clinic@example.com>';
    await world.postChannelWebhook(connectionId, 'inbound', { externalId: at, from, to, html: '<p>hi</p>' }).expect(202);
  }
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 3);
  const bodies = world.highlevel.calls.listByOperation('addInboundMessage').map(({ body }) => body as Record<string, unknown>);
  expect(bodies.map(({ emailFrom, emailTo }) => [emailFrom, emailTo])).toEqual(
    senders.map(() => ['maya@example.com', 'clinic@example.com']),
  );
  expect(Object.keys(world.highlevel.state.contacts)).toHaveLength(1);
});

test('a replaced secret is invalid after its day', async () => {
  await using world = await startWorld(idle);
  const { id, connectionId } = await world.setUpLocation();
  await world.connect(id, 'sms', { secret: `whsec_${Buffer.alloc(32, 7).toString('base64')}` });
  const row = () => world.db.connection.findUniqueOrThrow({ where: { id: connectionId } });
  await runCleanup(world.services);
  expect((await row()).previousConfig).toMatch(/^v1\./);
  world.clock.jump(24 * 60 * 60_000);
  await runCleanup(world.services);
  expect(await row()).toMatchObject({ previousConfig: null, previousConfigExpiresAt: null });
});
