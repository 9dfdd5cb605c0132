import { allScopes } from '../../../src/highlevel/operations.ts';
import { createPageClient } from '../../support/page-client.ts';
import { allProviders, startWorld, type World } from '../../support/world.ts';

const from = '+12025550143';
const extraId = allProviders.find(({ kind }) => kind === 'sms-extra')?.id;
const mismatch = {
  statusCode: 400,
  message: 'Incorrect conversationProviderId/type',
  canonicalCode: 'CONVERSATIONS_MSG_CONVERSATION_PROVIDER_MISMATCH',
};

const sendInbound = (world: World, connectionId: string, externalId: string, content: object = {}) =>
  world.postChannelWebhook(connectionId, 'inbound', { externalId, from, text: externalId, ...content }).expect(202);
const posts = (world: World) => world.highlevel.calls.listByOperation('addInboundMessage');
const listTypes = (world: World) => posts(world).map(({ body }) => (body as { type: string }).type);
const listPostsWith = (world: World, altId: string) =>
  posts(world).filter(({ body }) => (body as { altId: string }).altId === altId);
const getRow = (world: World, externalId: string) => world.db.message.findFirstOrThrow({ where: { externalId } });
const advanceUntilDelivered = (world: World, externalId: string, stepMs?: number) =>
  world.advanceUntil(async () => (await getRow(world, externalId)).state === 'delivered', `${externalId} is posted`, stepMs);

describe('the type of a reply', () => {
  test('a reply over an extra SMS provider is posted as Custom, with the contact and never a conversation', async () => {
    await using world = await startWorld();
    const location = await world.install();
    const connectionId = await world.connect(location.id, 'whatsapp');
    await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi', providerKey: 'whatsapp' });
    await sendInbound(world, connectionId, 'a');
    await advanceUntilDelivered(world, 'a');
    expect(posts(world).map(({ body }) => body)).toEqual([
      {
        type: 'Custom',
        contactId: location.contact.id,
        conversationProviderId: extraId,
        direction: 'inbound',
        altId: 'a',
        message: 'a',
      },
    ]);
  });

  test('a provider that the operator set up as an extra one is tried under the other type once, and its type is stored for all locations', async () => {
    const providers = allProviders.map((one) => (one.key === 'sms' ? { ...one, kind: 'sms-extra' as const } : one));
    await using world = await startWorld({ services: { providers } });
    const [one, other] = [await world.setUpLocation(), await world.setUpLocation()];
    await sendInbound(world, one.connectionId, 'a');
    await advanceUntilDelivered(world, 'a');
    expect(listTypes(world)).toEqual(['Custom', 'SMS']);
    // The type is of the provider, in any location.
    await sendInbound(world, other.connectionId, 'b');
    await advanceUntilDelivered(world, 'b');
    expect(listTypes(world)).toEqual(['Custom', 'SMS', 'SMS']);
    expect(await world.db.inboundType.findMany()).toMatchObject([{ type: 'SMS' }]);
    // Both calls of the first post count in the location's limit, as the look-up of the contact does.
    expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(2);
  });

  test('a stored type that HighLevel rejects is determined anew', async () => {
    await using world = await startWorld();
    const location = await world.install();
    const connectionId = await world.connect(location.id, 'whatsapp');
    const recordedAt = new Date(world.clock.now());
    await world.db.inboundType.create({ data: { providerId: extraId ?? '', type: 'SMS', recordedAt: recordedAt } });
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 400, body: mismatch } });
    await sendInbound(world, connectionId, 'a');
    await advanceUntilDelivered(world, 'a');
    await sendInbound(world, connectionId, 'b');
    await advanceUntilDelivered(world, 'b');
    expect(listTypes(world)).toEqual(['SMS', 'Custom', 'Custom']);
  });

  test.each([
    { what: 'the words alone', status: 400, body: { message: 'Incorrect conversationProviderId/type' }, tries: 2 },
    { what: 'the code alone', status: 400, body: { message: 'No', canonicalCode: mismatch.canonicalCode }, tries: 2 },
    { what: 'another code', status: 400, body: { message: 'No', canonicalCode: 'CONVERSATIONS_MSG_DND_ACTIVE_SMS' }, tries: 1 },
    { what: 'another status, which may have stored it', status: 500, body: mismatch, tries: 1 },
  ])('the other type is tried on that refusal and no other: $what', async ({ status, body, tries }) => {
    await using world = await startWorld();
    const location = await world.install();
    const connectionId = await world.connect(location.id, 'whatsapp');
    world.highlevel.faults.decide((operation) => (operation === 'addInboundMessage' ? { status, body } : null));
    await sendInbound(world, connectionId, 'a');
    await world.advanceUntil(async () => (await getRow(world, 'a')).state === 'failed');
    expect(listTypes(world)).toEqual(['Custom', 'SMS'].slice(0, tries));
    expect(await world.db.inboundType.count()).toBe(0);
  });

  test('an email of an extra provider is never posted as Email, which HighLevel may file in another channel', async () => {
    await using world = await startWorld();
    const location = await world.install();
    const connectionId = await world.connect(location.id, 'letters');
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 400, body: mismatch } });
    await sendInbound(world, connectionId, 'a', { from: 'maya@example.com', to: 'us@example.com' });
    await world.advanceUntil(async () => (await getRow(world, 'a')).state === 'failed');
    expect(listTypes(world)).toEqual(['Custom']);
  });

  test('a type that HighLevel rejects has no effect on the contact, which stays stored and is not looked up anew', async () => {
    await using world = await startWorld();
    const location = await world.install();
    const connectionId = await world.connect(location.id, 'whatsapp');
    await sendInbound(world, connectionId, 'a');
    await advanceUntilDelivered(world, 'a');
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 2, effect: { status: 400, body: mismatch } });
    await sendInbound(world, connectionId, 'b');
    await world.advanceUntil(async () => (await getRow(world, 'b')).state === 'failed');
    expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(1);
    expect(listTypes(world)).toEqual(['Custom', 'Custom', 'SMS']);
  });
});

describe('a reply at which HighLevel fails', () => {
  const fails = (world: World, altId: string) =>
    world.highlevel.faults.decide((operation, _resourceId, body) =>
      operation === 'addInboundMessage' && (body as { altId?: string }).altId === altId ? { status: 500 } : null,
    );

  test('is posted again within seconds: after 1, 2, 5, 10, 20 and 40', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 6, effect: { status: 500 } });
    await sendInbound(world, location.connectionId, 'a');
    await advanceUntilDelivered(world, 'a');
    const at = posts(world).map((call) => call.at);
    const waited = at.slice(1).map((time, index) => Math.floor((time - (at[index] as number)) / 1000));
    expect(waited).toHaveLength(6);
    for (const [index, seconds] of [1, 2, 5, 10, 20, 40].entries()) {
      expect(waited[index]).toBeGreaterThanOrEqual(seconds);
      expect(waited[index]).toBeLessThanOrEqual(seconds * 1.2 + 2);
    }
  });

  test('lets later ones of its sender pass after some minutes, is marked, and has its own time and schedule', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    const receivedAt = world.clock.now();
    fails(world, 'poison');
    for (const id of ['before', 'poison', 'after', 'last']) await sendInbound(world, location.connectionId, id);
    await world.advance(60_000, 5_000);
    // A short failure changes no order.
    expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual(['before']);
    await advanceUntilDelivered(world, 'last', 5_000);
    expect(world.clock.now() - receivedAt).toBeLessThan(6 * 60_000);
    expect(await getRow(world, 'poison')).toMatchObject({ state: 'pending', reasonCode: 'highlevel_failed' });

    world.highlevel.faults.clear();
    await advanceUntilDelivered(world, 'poison', 60_000);
    const texts = world.highlevel.listConversation(location.contact.id).map(({ text }) => text);
    expect(texts).toEqual(['before', 'after', 'last', 'poison']);
    const { id } = await getRow(world, 'poison');
    expect(listPostsWith(world, 'poison').at(-1)?.body).toMatchObject({
      date: (await getRow(world, 'poison')).createdAt.toISOString(),
    });

    const { body } = await world.api.get(`/messages/${id}`).expect(200);
    expect(body).toMatchObject({ status: 'delivered', outOfOrder: true });
    const events = body.timeline.map(({ event }: { event: string }) => event);
    expect(events.at(-1)).toBe('report');
    expect(events.filter((event: string) => event === 'passed')).toHaveLength(1);
    // A history has parts; each entry is in one of them.
    const part = await world.api.get(`/messages/${id}?before=${id}`).expect(200);
    expect(part.body.outOfOrder).toBe(true);
    expect(part.body.timeline.map(({ event }: { event: string }) => event)).not.toContain('passed');
    const after = await getRow(world, 'after');
    expect((await world.api.get(`/messages/${after.id}`).expect(200)).body.outOfOrder).toBe(false);
    expect(await world.db.job.count({ where: { queue: 'highlevel' } })).toBe(0);
  });

  test('is posted with the vendor’s time, and what comes while it is tried alone is posted at once', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    fails(world, 'poison');
    await sendInbound(world, location.connectionId, 'poison', { at: '2026-01-01T08:00:00Z' });
    await world.advanceUntil(async () => (await getRow(world, 'poison')).outOfOrderAt !== null, 'passed', 5_000);
    for (const id of ['b', 'c']) await sendInbound(world, location.connectionId, id);
    await advanceUntilDelivered(world, 'c');
    expect(listPostsWith(world, 'c')[0]?.at).toBeGreaterThanOrEqual(listPostsWith(world, 'b')[0]?.at ?? Number.NaN);
    expect(await getRow(world, 'b')).toMatchObject({ outOfOrderAt: null });
    world.highlevel.faults.clear();
    await advanceUntilDelivered(world, 'poison', 60_000);
    expect(listPostsWith(world, 'poison').at(-1)?.body).toMatchObject({ date: '2026-01-01T08:00:00.000Z' });
  });

  test('fails in the end like any other, and its sender’s order holds again when a person sends it again', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    fails(world, 'poison');
    for (const id of ['poison', 'after']) await sendInbound(world, location.connectionId, id);
    await world.advanceUntil(async () => (await getRow(world, 'poison')).state === 'failed', 'failed', 600_000);
    expect(listPostsWith(world, 'poison')).toHaveLength(13);
    world.highlevel.faults.clear();
    await world.api.post(`/messages/${(await getRow(world, 'poison')).id}/retry`).expect(202);
    await advanceUntilDelivered(world, 'poison');
    expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual(['after', 'poison']);
  });

  test.each([{ status: 503 }, { status: 429, headers: { 'retry-after': '60' } }, { cut: 'before_handling' } as const])(
    'is passed by no other while all of them fail: %j',
    async (does) => {
      await using world = await startWorld();
      const location = await world.setUpLocation();
      let isDown = true;
      world.highlevel.faults.decide((operation) => (operation === 'addInboundMessage' && isDown ? does : null));
      for (const id of ['a', 'b']) await sendInbound(world, location.connectionId, id);
      await world.advance(20 * 60_000, 30_000);
      isDown = false;
      await advanceUntilDelivered(world, 'b', 30_000);
      expect(world.highlevel.listConversation(location.contact.id).map(({ text }) => text)).toEqual(['a', 'b']);
      expect(await world.db.message.count({ where: { outOfOrderAt: { not: null } } })).toBe(0);
    },
  );

  test('a reply that HighLevel does not store, or whose file can’t be fetched, is passed as well', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    const file = world.vendor.serveFile('down', (_request, response) => response.status(500).end());
    await sendInbound(world, location.connectionId, 'with a file', { attachments: [file] });
    await sendInbound(world, location.connectionId, 'after');
    await advanceUntilDelivered(world, 'after', 5_000);
    expect(await getRow(world, 'with a file')).toMatchObject({ state: 'pending', reasonCode: 'attachment_unreachable' });
    await advanceUntilDelivered(world, 'with a file', 20_000);

    world.highlevel.faults.add({ operation: 'addInboundMessage', times: 8, effect: { status: 201, body: {} } });
    await sendInbound(world, location.connectionId, 'swallowed');
    await sendInbound(world, location.connectionId, 'next');
    await advanceUntilDelivered(world, 'next', 5_000);
    expect(await getRow(world, 'swallowed')).toMatchObject({ state: 'pending', reasonCode: 'highlevel_no_message_id' });
  });

  test('is not mistaken for a later one with the same text that is being posted', async () => {
    await using world = await startWorld({ scopes: allScopes });
    const location = await world.setUpLocation();
    fails(world, 'first');
    await sendInbound(world, location.connectionId, 'first', { text: 'yes' });
    await sendInbound(world, location.connectionId, 'second', { text: 'yes' });
    await world.advanceUntil(async () => (await getRow(world, 'first')).outOfOrderAt !== null, 'passed', 5_000);
    await advanceUntilDelivered(world, 'second');
    // As if the response to the second post had not been stored yet.
    const second = await getRow(world, 'second');
    await world.db.message.update({
      where: { id: second.id },
      data: { state: 'pending', highlevelMessageId: null, postStartedAt: second.createdAt },
    });
    world.highlevel.faults.clear();
    await advanceUntilDelivered(world, 'first', 60_000);
    expect(listPostsWith(world, 'first').at(-1)).toMatchObject({ status: 200 });
    expect((await getRow(world, 'first')).highlevelMessageId).not.toBe(second.highlevelMessageId);
  });

  test('the message’s page shows that it is out of order, in both languages', async () => {
    await using world = await startWorld();
    const location = await world.setUpLocation();
    fails(world, 'poison');
    for (const id of ['poison', 'after']) await sendInbound(world, location.connectionId, id);
    await advanceUntilDelivered(world, 'after', 5_000);
    const { id } = await getRow(world, 'poison');
    const staff = await createPageClient(world, { companyId: location.companyId, activeLocation: location.id });
    expect((await staff.get(`messages/${id}`).expect(200)).text).toContain('Out of order');
    expect((await staff.get(`messages/${id}`, 'es').expect(200)).text).toContain('Fuera de orden');
  });
});

test('a look-up of a contact’s address at which HighLevel fails holds back that contact’s later messages for minutes only', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.decide((operation) => (operation === 'getContact' ? { status: 500 } : null));
  const bare = { locationId: location.id, messageId: 'bare', contactId: location.contact.id, message: 'hi' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(bare));
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'with a number' });
  await world.advanceUntil(() => world.vendor.listReceived().length === 1, 'the later one is sent', 5_000);
  const row = await world.getMessage('bare');
  expect(row).toMatchObject({ state: 'pending', reasonCode: 'highlevel_failed', outOfOrderAt: expect.any(Date) });
  expect((await world.api.get(`/messages/${row.id}`).expect(200)).body.outOfOrder).toBe(true);
});
