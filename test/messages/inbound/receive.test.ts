import { createHmac } from 'node:crypto';
import { allScopes } from '../../../src/highlevel/operations.ts';
import { png } from '../../support/sample-files.ts';
import { allProviders, startWorld } from '../../support/world.ts';

const content = { externalId: 'e-1', from: '+12025550143', text: 'hello' };

test('a repeated externalId answers 200 and changes nothing, at once or later', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const responses = await Promise.all(
    Array.from({ length: 5 }, () => world.postChannelWebhook(location.connectionId, 'inbound', content)),
  );
  expect(responses.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 202]);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  await world.postChannelWebhook(location.connectionId, 'inbound', content).expect(200);
  await world.advance(5_000);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toHaveLength(1);
});

test('the same externalId on two connections is two messages', async () => {
  await using world = await startWorld();
  const [one, two] = [await world.setUpLocation(), await world.setUpLocation()];
  for (const { connectionId } of [one, two]) await world.postChannelWebhook(connectionId, 'inbound', content).expect(202);
  expect(await world.db.message.count({ where: { direction: 'inbound' } })).toBe(2);
});

test('a wrong signature, an old one and another connection’s secret are 401; an unknown connection is 404', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  const stranger = `whsec_${Buffer.alloc(32).toString('base64')}`;
  await world.postChannelWebhook(connectionId, 'inbound', content, { secret: stranger }).expect(401);
  await world.postChannelWebhook(connectionId, 'inbound', content, { at: new Date(Date.now() - 10 * 60_000) }).expect(401);
  await world.client.post(`/channels/${connectionId}/inbound`).send(content).expect(401);
  await world.postChannelWebhook('01890000-0000-7000-8000-000000000000', 'inbound', content).expect(404);
  await world.postChannelWebhook('not-an-id', 'inbound', content).expect(404);
  await world.postChannelWebhook(connectionId, 'unheard-of', content).expect(404);
  await world.postChannelWebhook(connectionId, 'inbound', { from: '+1' }).expect(400);
  expect(await world.db.message.count()).toBe(0);
});

test('each kind of provider gets the body that it asks for', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const picture = world.vendor.serveFile('a.png', png);
  for (const { key } of allProviders) {
    const connectionId = await world.connect(location.id, key);
    const from = key === 'mail' || key === 'letters' ? 'maya@example.com' : '+12025550143';
    const content = {
      externalId: key,
      from,
      to: 'us',
      text: 'hi',
      subject: 'Re: you',
      attachments: [picture],
    };
    await world.postChannelWebhook(connectionId, 'inbound', { ...content, at: '2026-01-01T09:00:00+01:00' }).expect(202);
  }
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === allProviders.length);
  const bodies = world.highlevel.calls.listByOperation('addInboundMessage').map(({ body }) => body);
  const ours = new RegExp(`^${world.url}/media/[\\w-]{43}/attachment-1\\.png$`);
  const common = {
    contactId: location.contact.id,
    direction: 'inbound',
    date: '2026-01-01T08:00:00.000Z',
    message: 'hi',
    attachments: [expect.stringMatching(ours)],
  };
  const mail = { html: 'hi', subject: 'Re: you', emailFrom: 'maya@example.com', emailTo: 'us' };
  expect(bodies).toHaveLength(4);
  expect(bodies).toEqual(
    expect.arrayContaining([
      { ...common, type: 'SMS', altId: 'sms' },
      { ...common, type: 'Custom', altId: 'whatsapp', conversationProviderId: '681630446243877ebda60302' },
      { ...common, ...mail, type: 'Email', altId: 'mail' },
      { ...common, ...mail, type: 'Custom', altId: 'letters', conversationProviderId: '681630446243877ebda60304' },
    ]),
  );
});

test('no empty field is sent, neither to the contact nor with the message', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, attachments: [], subject: '' }).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  expect(world.highlevel.calls.listByOperation('upsertContact').map(({ body }) => body)).toEqual([
    { locationId: location.id, phone: '+12025550143' },
  ]);
  expect(world.highlevel.calls.listByOperation('addInboundMessage').map(({ body }) => body)).toEqual([
    { type: 'SMS', contactId: location.contact.id, direction: 'inbound', altId: 'e-1', message: 'hello' },
  ]);
});

test('answers of one sender keep their order while HighLevel fails', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 2, effect: { status: 500 } });
  for (const count of [1, 2, 3]) {
    await world
      .postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: `e-${count}`, text: `${count}` })
      .expect(202);
  }
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 3);
  expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual(['1', '2', '3']);
});

test('what HighLevel refuses for good is kept as failed with its words, and a person can post it again', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({
    operation: 'addInboundMessage',
    times: 1,
    effect: { status: 400, body: { message: 'Contact is odd' } },
  });
  await world.postChannelWebhook(location.connectionId, 'inbound', content).expect(202);
  await world.waitFor(async () => (await world.db.message.findFirstOrThrow()).state === 'failed');
  const { body } = await world.api.get(`/locations/${location.id}/messages?direction=inbound&status=failed`).expect(200);
  expect(body.items[0].reason.message).toContain('Contact is odd');
  await world.api.post(`/messages/${body.items[0].id}/retry`).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
});

test('an answer that HighLevel has taken is not posted again because its limits could not be noted', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const rename = async (from: string, to: string) => world.db.$executeRawUnsafe(`ALTER TABLE ${from} RENAME TO ${to}`);
  const headers = { 'X-RateLimit-Remaining': '0', 'X-RateLimit-Interval-Milliseconds': '1000' };
  let away: Promise<unknown> | undefined;
  world.highlevel.faults.decide((operation) => {
    if (operation !== 'addInboundMessage') return null;
    away ??= rename('rate_limits', 'rate_limits_away');
    return { status: 200, headers, body: { success: true, messageId: 'm' } };
  });
  const content = { externalId: 'a', from: location.contact.phone, text: 'hi' };
  await world.postChannelWebhook(location.connectionId, 'inbound', content).expect(202);
  await world.waitFor(async () => away && (await world.db.job.count({ where: { workerId: { not: null } } })) === 0);
  await away;
  await rename('rate_limits_away', 'rate_limits');
  await world.advanceUntil(async () => (await world.db.job.count()) === 0);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')).toHaveLength(1);
});

test('a burst from a new number, over two channels of one location, makes one contact', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connections = [await world.connect(location.id, 'sms'), await world.connect(location.id, 'whatsapp')];
  const from = '+15550009999';
  const calls = Array.from({ length: 12 }, (_, index) =>
    world.postChannelWebhook(connections[index % 2] as string, 'inbound', {
      externalId: `b-${index}`,
      from,
      text: `${index}`,
      name: 'Zoë',
    }),
  );
  expect((await Promise.all(calls)).map(({ status }) => status)).toEqual(calls.map(() => 202));
  await world.advanceUntil(() => world.highlevel.calls.listByOperation('addInboundMessage').length === 12);
  const made = Object.values(world.highlevel.state.contacts).filter(({ phone }) => phone === from);
  expect(made).toHaveLength(1);
  expect(world.highlevel.listConversation(made[0]?.id ?? '')).toHaveLength(12);
  // One to make it, one for the name of who is new.
  expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(2);
});

test('what was sent elsewhere is logged as outbound, and its echo is not sent', async () => {
  await using world = await startWorld({ behaviour: { echo: 'after_response' } });
  const location = await world.setUpLocation();
  const elsewhere = {
    externalId: 'o-1',
    from: '+15550003333',
    to: '+12025550143',
    text: 'from my phone',
    direction: 'outbound',
  };
  await world.postChannelWebhook(location.connectionId, 'inbound', elsewhere).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  await world.advance(10_000);
  expect(world.highlevel.listConversation(location.contact.id)).toMatchObject([
    { direction: 'outbound', text: 'from my phone' },
  ]);
  expect(world.highlevel.calls.listByOperation('addInboundMessage')[0]?.body).toMatchObject({
    direction: 'outbound',
    altId: 'o-1',
  });
  expect(world.vendor.requests).toEqual([]);
});

test('an answer whose post got no reply is looked for, and not posted again when the CRM has it', async () => {
  await using world = await startWorld({ scopes: allScopes });
  const location = await world.setUpLocation();
  const says = (externalId: string, text: string) =>
    world.postChannelWebhook(location.connectionId, 'inbound', { externalId, from: '+12025550143', text }).expect(202);
  await says('first', 'yes');
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  for (const does of [{ cut: 'after_handling' }, { cut: 'before_handling' }, { cut: 'after_handling' }] as const) {
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: does });
  }
  // The same words each time: what is there already must not be taken for what is missing.
  for (const id of ['second', 'third', 'fourth', 'fifth']) await says(id, 'yes');
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 5);
  const stored = world.highlevel.listConversation(location.contact.id);
  expect(stored.map(({ altId }) => altId)).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
  const storedRows = await world.db.message.findMany({ orderBy: { id: 'asc' } });
  expect(storedRows.map(({ highlevelMessageId }) => highlevelMessageId)).toEqual(stored.map(({ id }) => id));
  expect(storedRows.every(({ postStartedAt }) => postStartedAt === null)).toBe(true);
});

test('while the CRM can’t be asked, an answer that may be there already is not posted', async () => {
  await using world = await startWorld({ scopes: allScopes });
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'after_handling' } });
  for (const status of [503, 429, 503]) world.highlevel.faults.add({ operation: 'listMessages', times: 1, effect: { status } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'yes' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 1);
  expect(world.highlevel.calls.listByOperation('listMessages')).toHaveLength(4);
  expect(world.highlevel.listConversation(location.contact.id)).toHaveLength(1);
});

test('where the app may not read messages, an answer is posted again rather than lost', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'before_handling' } });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'a', from: '+12025550143', text: 'yes' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 1);
  expect(world.highlevel.calls.listByOperation('listMessages')).toEqual([]);
  expect(world.highlevel.listConversation(location.contact.id)).toHaveLength(1);
});

test.each([
  ['a data: address', ['data:image/png;base64,AAAA'], '[An attachment was left out:'],
  [
    'more than twenty attachments',
    Array.from({ length: 23 }, (_, n) => `https://127.0.0.1:1/${n}`),
    '[3 attachments were left out:',
  ],
])('%s takes nothing from the text beside it, which says what was left out', async (_name, attachments, note) => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  await world.postChannelWebhook(connectionId, 'inbound', { ...content, attachments }).expect(202);
  const row = await world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
  expect(row.text).toMatch(/^hello\n/);
  expect(row.text).toContain(note);
  expect(row.attachments.length).toBe(Math.min(attachments.length, 20) - (attachments.length === 1 ? 1 : 0));
});

test('a signed body that is not UTF-8 is 400 with the reason, and one that is wrongly signed 401', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  const body = Buffer.from('{"externalId":"e","from":"+12025550143","text":"caf\u00e9"}', 'latin1');
  const timestamp = String(Math.floor(Date.now() / 1000));
  const mac = createHmac('sha256', Buffer.from(world.vendor.secret.replace('whsec_', ''), 'base64'));
  const signature = `v1,${mac.update(`id.${timestamp}.`).update(body).digest('base64')}`;
  const send = (signed: string) =>
    world.client
      .post(`/channels/${connectionId}/inbound`)
      .set({
        'webhook-id': 'id',
        'webhook-timestamp': timestamp,
        'webhook-signature': signed,
        'content-type': 'application/json',
      })
      .serialize((raw) => raw as never)
      .send(body);
  expect((await send(signature).expect(400)).body.error.message).toBe('The body is not UTF-8.');
  await send(`v1,${Buffer.alloc(32).toString('base64')}`).expect(401);
});

test('what says that it happened in year 0, or years ahead, is taken', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  for (const [externalId, at] of [
    ['old', '0000-01-01T00:00:00Z'],
    ['ahead', '2096-01-01T00:00:00Z'],
  ]) {
    await world.postChannelWebhook(connectionId, 'inbound', { ...content, externalId, at }).expect(202);
    await world.postChannelWebhook(connectionId, 'status', { externalId, status: 'delivered', at }).expect(202);
  }
  const rows = await world.db.message.findMany({ where: { direction: 'inbound' }, orderBy: { externalId: 'desc' } });
  expect(rows[0]?.occurredAt).toBeNull();
  expect(rows[1]?.occurredAt?.getTime()).toBeLessThanOrEqual(world.clock.now() + 24 * 60 * 60_000);
});

test('a channel’s secret that was changed is good for a day beside the new one, both ways', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const old = world.vendor.secret;
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  await world.connect(location.id, 'sms', { secret });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'a' }, { secret: old })
    .expect(202);
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'b' }, { secret }).expect(202);
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => world.vendor.requests.length === 1);
  expect(String(world.vendor.requests[0]?.headers['webhook-signature']).split(' ')).toHaveLength(2);
  world.vendor.wrongSignatures.length = 0;
  world.clock.jump(25 * 60 * 60_000);
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'c' }, { secret: old })
    .expect(401);
  await world.postChannelWebhook(location.connectionId, 'inbound', { ...content, externalId: 'c' }, { secret }).expect(202);
});
