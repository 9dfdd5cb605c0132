import { allScopes } from '../../../src/highlevel/operations.ts';
import { png } from '../../support/sample-files.ts';
import { allProviders, startWorld } from '../../support/world.ts';

const content = { externalId: 'e-1', from: '+12025550143', text: 'hello' };

test('a repeated externalId gets a 200 and changes no row, at once or later', async () => {
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

test('each kind of provider gets its body', async () => {
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

test('replies of one sender are posted in order while HighLevel fails', async () => {
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

test('a reply that HighLevel rejects is stored as failed with its reason, and a person can post it again', async () => {
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

test('a reply that HighLevel has accepted is not posted again because its rate limits could not be stored', async () => {
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
  // One call creates the contact, one names it.
  expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(2);
});

test('a message that was sent externally is logged as outbound, and its echo is not sent', async () => {
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

test('a reply whose post got no response is searched for, and not posted again when the CRM has it', async () => {
  await using world = await startWorld({ scopes: allScopes });
  const location = await world.setUpLocation();
  const receive = (externalId: string, text: string) =>
    world.postChannelWebhook(location.connectionId, 'inbound', { externalId, from: '+12025550143', text }).expect(202);
  await receive('first', 'yes');
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1);
  for (const does of [{ cut: 'after_handling' }, { cut: 'before_handling' }, { cut: 'after_handling' }] as const) {
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: does });
  }
  // The same text each time: an earlier message must not be mistaken for the missing one.
  for (const id of ['second', 'third', 'fourth', 'fifth']) await receive(id, 'yes');
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'delivered' } })) === 5);
  const stored = world.highlevel.listConversation(location.contact.id);
  expect(stored.map(({ altId }) => altId)).toEqual(['first', 'second', 'third', 'fourth', 'fifth']);
  const storedRows = await world.db.message.findMany({ orderBy: { id: 'asc' } });
  expect(storedRows.map(({ highlevelMessageId }) => highlevelMessageId)).toEqual(stored.map(({ id }) => id));
  expect(storedRows.every(({ postStartedAt }) => postStartedAt === null)).toBe(true);
});

test('while the CRM can’t be searched, a reply that may have been posted is not posted again', async () => {
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

test('without the scope to read messages, a reply is posted again rather than lost', async () => {
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
])('%s does not hold back the text beside it, which notes what was left out', async (_name, attachments, note) => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.setUpLocation();
  await world.postChannelWebhook(connectionId, 'inbound', { ...content, attachments }).expect(202);
  const row = await world.db.message.findFirstOrThrow({ where: { direction: 'inbound' } });
  expect(row.text).toMatch(/^hello\n/);
  expect(row.text).toContain(note);
  expect(row.attachments.length).toBe(Math.min(attachments.length, 20) - (attachments.length === 1 ? 1 : 0));
});

test('a message dated in year 0, or years ahead, is accepted', async () => {
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
