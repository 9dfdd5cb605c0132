import { allProviders, startWorld } from './support/world.ts';

const said = { externalId: 'e-1', from: '+12025550143', text: 'hello' };

test('a repeated externalId answers 200 and changes nothing, at once or later', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  const answers = await Promise.all(Array.from({ length: 5 }, () => world.callback(location.connectionId, 'inbound', said)));
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 202]);
  await world.until(() => world.highlevel.conversationOf(location.contact.id).length === 1);
  await world.callback(location.connectionId, 'inbound', said).expect(200);
  await world.pass(5_000);
  expect(world.highlevel.calls.of('addInboundMessage')).toHaveLength(1);
});

test('the same externalId on two connections is two messages', async () => {
  await using world = await startWorld();
  const [one, two] = [await world.ready(), await world.ready()];
  for (const { connectionId } of [one, two]) await world.callback(connectionId, 'inbound', said).expect(202);
  expect(await world.db.message.count({ where: { direction: 'inbound' } })).toBe(2);
});

test('a wrong signature, an old one and another connection’s secret are 401; an unknown connection is 404', async () => {
  await using world = await startWorld({ isIdle: true });
  const { connectionId } = await world.ready();
  const stranger = `whsec_${Buffer.alloc(32).toString('base64')}`;
  await world.callback(connectionId, 'inbound', said, { secret: stranger }).expect(401);
  await world.callback(connectionId, 'inbound', said, { at: new Date(Date.now() - 10 * 60_000) }).expect(401);
  await world.client.post(`/channels/${connectionId}/inbound`).send(said).expect(401);
  await world.callback('01890000-0000-7000-8000-000000000000', 'inbound', said).expect(404);
  await world.callback('not-an-id', 'inbound', said).expect(404);
  await world.callback(connectionId, 'unheard-of', said).expect(404);
  await world.callback(connectionId, 'inbound', { from: '+1' }).expect(400);
  expect(await world.db.message.count()).toBe(0);
});

test('each kind of provider gets the body that it asks for', async () => {
  await using world = await startWorld();
  const location = await world.install();
  for (const { key } of allProviders) {
    const connectionId = await world.connect(location.id, key);
    const from = key === 'mail' || key === 'letters' ? 'maya@example.com' : '+12025550143';
    const content = {
      externalId: key,
      from,
      to: 'us',
      text: 'hi',
      subject: 'Re: you',
      attachments: ['https://x.example/a.png'],
    };
    await world.callback(connectionId, 'inbound', { ...content, at: '2026-01-01T09:00:00+01:00' }).expect(202);
  }
  await world.until(() => world.highlevel.conversationOf(location.contact.id).length === allProviders.length);
  const bodies = world.highlevel.calls.of('addInboundMessage').map(({ body }) => body);
  const common = {
    contactId: location.contact.id,
    direction: 'inbound',
    date: '2026-01-01T08:00:00.000Z',
    message: 'hi',
    attachments: ['https://x.example/a.png'],
  };
  const mail = { html: 'hi', subject: 'Re: you', emailFrom: 'maya@example.com', emailTo: 'us' };
  expect(bodies).toHaveLength(4);
  expect(bodies).toEqual(
    expect.arrayContaining([
      { ...common, type: 'SMS', altId: 'sms' },
      { ...common, type: 'SMS', altId: 'whatsapp', conversationProviderId: '681630446243877ebda60302' },
      { ...common, ...mail, type: 'Email', altId: 'mail' },
      { ...common, ...mail, type: 'Custom', altId: 'letters', conversationProviderId: '681630446243877ebda60304' },
    ]),
  );
});

test('no empty field is sent, neither to the contact nor with the message', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  await world.callback(location.connectionId, 'inbound', { ...said, attachments: [], subject: '' }).expect(202);
  await world.until(() => world.highlevel.conversationOf(location.contact.id).length === 1);
  expect(world.highlevel.calls.of('upsertContact').map(({ body }) => body)).toEqual([
    { locationId: location.id, phone: '+12025550143' },
  ]);
  expect(world.highlevel.calls.of('addInboundMessage').map(({ body }) => body)).toEqual([
    { type: 'SMS', contactId: location.contact.id, direction: 'inbound', altId: 'e-1', message: 'hello' },
  ]);
});

test('answers of one sender keep their order while HighLevel fails', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 2, does: { answer: 500 } });
  for (const count of [1, 2, 3]) {
    await world.callback(location.connectionId, 'inbound', { ...said, externalId: `e-${count}`, text: `${count}` }).expect(202);
  }
  await world.until(() => world.highlevel.conversationOf(location.contact.id).length === 3);
  expect(world.highlevel.conversationOf(location.contact.id).map(({ text }) => text)).toEqual(['1', '2', '3']);
});

test('what HighLevel refuses for good is kept as failed with its words, and a person can post it again', async () => {
  await using world = await startWorld();
  const location = await world.ready();
  world.highlevel.faults.add({
    operation: 'addInboundMessage',
    times: 1,
    does: { answer: 400, body: { message: 'Contact is odd' } },
  });
  await world.callback(location.connectionId, 'inbound', said).expect(202);
  await world.soon(async () => (await world.db.message.findFirstOrThrow()).state === 'failed');
  const { body } = await world.api.get(`/locations/${location.id}/messages?direction=inbound&status=failed`).expect(200);
  expect(body.items[0].reason.message).toContain('Contact is odd');
  await world.api.post(`/messages/${body.items[0].id}/retry`).expect(202);
  await world.until(() => world.highlevel.conversationOf(location.contact.id).length === 1);
});
