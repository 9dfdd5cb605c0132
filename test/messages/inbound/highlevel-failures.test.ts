import { allScopes } from '../../../src/highlevel/operations.ts';
import { startWorld, type World } from '../../support/world.ts';

const from = '+12025550143';

const sendInbound = (world: World, connectionId: string, content: object) =>
  world.postChannelWebhook(connectionId, 'inbound', { externalId: 'a', from, text: 'yes', ...content }).expect(202);
const posts = (world: World) => world.highlevel.calls.listByOperation('addInboundMessage');
const delivered = (world: World) => world.db.message.count({ where: { state: 'delivered' } });

test('a 500 about a part of the request is no outage: the contact is looked up anew, at once', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await sendInbound(world, location.connectionId, {});
  await world.advanceUntil(async () => (await delivered(world)) === 1);
  const body = { message: 'Contact with id x not found' };
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { status: 500, body } });
  await sendInbound(world, location.connectionId, { externalId: 'b' });
  await world.advanceUntil(async () => (await delivered(world)) === 2);
  expect(world.highlevel.calls.listByOperation('upsertContact')).toHaveLength(2);
  expect((await world.db.message.findMany()).map(({ retryCount }) => retryCount)).toEqual([0, 0]);
});

test('a reply at which HighLevel keeps failing fails a day later, long after the next one was posted, and is among the undelivered', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  await sendInbound(world, location.connectionId, {});
  await world.advanceUntil(async () => (await delivered(world)) === 1);
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 8, effect: { status: 500 } });
  await sendInbound(world, location.connectionId, { externalId: 'b', text: 'poison' });
  await sendInbound(world, location.connectionId, { externalId: 'c', text: 'after it' });
  await world.advanceUntil(
    () => world.highlevel.listConversation(location.contact.id).length === 2,
    'the next is posted',
    10_000,
  );
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 5, effect: { status: 500 } });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'failed' } })) === 1, 'failed', 600_000);
  expect(world.highlevel.listConversation(location.contact.id).at(-1)?.text).toBe('after it');
  // The stored contact is looked up anew in time.
  expect(world.highlevel.calls.listByOperation('upsertContact').length).toBeGreaterThan(1);

  const { body } = await world.api.get(`/locations/${location.id}/dead-letters`).expect(200);
  expect(body.items).toMatchObject([{ text: 'poison', reason: { code: 'highlevel_failed' } }]);
  await world.api.post(`/messages/${body.items[0].id}/retry`).expect(202);
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 3);
});

test('a failed reply that may have been posted is searched for when a person sends it again', async () => {
  await using world = await startWorld({ scopes: allScopes });
  const location = await world.setUpLocation();
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 12, effect: { status: 500 } });
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'after_handling' } });
  await sendInbound(world, location.connectionId, {});
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { retryCount: 12 } })) === 1,
    'twelve tries',
    600_000,
  );
  await world.advanceUntil(() => world.highlevel.listConversation(location.contact.id).length === 1, 'it stands', 600_000);
  world.highlevel.faults.add({ operation: 'listMessages', times: 1, effect: { status: 500 } });
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'failed' } })) === 1, 'failed', 60_000);
  const { id } = await world.db.message.findFirstOrThrow();
  await world.api.post(`/messages/${id}/retry`).expect(202);
  await world.advanceUntil(async () => (await delivered(world)) === 1);
  expect(world.highlevel.listConversation(location.contact.id)).toHaveLength(1);
});

test('a reply with a lost response is searched for where it was posted, also when the address has another contact by then', async () => {
  await using world = await startWorld({ scopes: allScopes });
  const location = await world.setUpLocation();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550999' });
  await sendInbound(world, location.connectionId, {});
  await world.advanceUntil(async () => (await delivered(world)) === 1);
  world.highlevel.faults.add({ operation: 'addInboundMessage', times: 1, effect: { cut: 'after_handling' } });
  await sendInbound(world, location.connectionId, { externalId: 'b', text: 'once' });
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { reasonCode: 'highlevel_unreachable' } })) === 1,
  );
  // As after a message to that other contact.
  await world.db.contactAddress.updateMany({ where: { address: from }, data: { contactId: other.id } });
  await world.advanceUntil(async () => (await delivered(world)) === 2);
  expect(posts(world)).toHaveLength(2);
  expect(world.highlevel.listConversation(other.id)).toEqual([]);
});

test('a contact that was created without its name gets it with the next try, and the name of a contact that has one stays', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  let upserts = 0;
  world.highlevel.faults.decide((operation) => {
    if (operation !== 'upsertContact') return null;
    upserts += 1;
    return upserts === 2 ? { status: 503 } : null;
  });
  await sendInbound(world, location.connectionId, { from: '+15550009999', name: 'Zoë' });
  await sendInbound(world, location.connectionId, { externalId: 'b', name: 'Another name' });
  await world.advanceUntil(async () => (await delivered(world)) === 2);
  const names = Object.values(world.highlevel.state.contacts).map(({ name }) => name);
  expect(names.sort()).toEqual(['Maya Ortiz', 'Zoë']);
});

test('a contact that has long been without a name stays without one', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.addContact(location.id, { phone: '+12025550777' });
  world.clock.jump(3_600_000);
  await sendInbound(world, location.connectionId, { from: '+12025550777', name: 'Zoë' });
  await world.advanceUntil(async () => (await delivered(world)) === 1);
  expect(Object.values(world.highlevel.state.contacts).map(({ name }) => name)).toEqual(['Maya Ortiz', null]);
});

test('an email without a recipient is posted with the connection’s own address', async () => {
  await using world = await startWorld();
  const location = await world.install();
  const connectionId = await world.connect(location.id, 'mail', { sender: 'desk@agency.example' });
  await sendInbound(world, connectionId, { from: 'maya@example.com' });
  await sendInbound(world, connectionId, {
    externalId: 'b',
    from: 'desk@agency.example',
    to: 'maya@example.com',
    direction: 'outbound',
  });
  await world.advanceUntil(async () => (await delivered(world)) === 2);
  expect(posts(world).map(({ body }) => body)).toMatchObject([
    { direction: 'inbound', emailFrom: 'maya@example.com', emailTo: 'desk@agency.example' },
    { direction: 'outbound', emailFrom: 'desk@agency.example', emailTo: 'maya@example.com' },
  ]);
});

test('look-ups of addresses that the webhook left out wait for capacity and take no capacity from reports and replies', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const listRateLimits = () =>
    world.db.rateLimitRow.findMany({ where: { key: { contains: location.id } }, orderBy: { key: 'asc' } });
  for (let index = 0; index < 30; index++) {
    const contact = world.highlevel.addContact(location.id, { phone: `+1202555${4000 + index}` });
    const body = { locationId: location.id, messageId: `m-${index}`, contactId: contact.id, message: 'hi' };
    await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(body));
  }
  // Three may leave at once, the others at half of the location's rate.
  await world.waitFor(async () => (await world.db.message.count({ where: { reasonCode: 'highlevel_limit' } })) === 27);
  await world.waitFor(() => world.vendor.requests.length === 3);
  const [main] = await listRateLimits();
  expect((main?.tatAt.getTime() ?? 0) - world.clock.now()).toBeLessThan(1_500);
  await world.advanceUntil(() => world.vendor.requests.length === 30);
  expect(world.vendor.listReceived()).toHaveLength(30);
});

test('a message whose address HighLevel fails to return waits a day for it, however old it is, and fails with that reason', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.highlevel.faults.decide((operation) => (operation === 'getContact' ? { status: 500 } : null));
  const body = { locationId: location.id, messageId: 'no-phone', contactId: location.contact.id, message: 'hi' };
  await world.highlevel.postSigned('/webhooks/providers/sms', JSON.stringify(body));
  await world.advanceUntil(async () => (await world.getMessage('no-phone')).reasonCode === 'highlevel_failed');
  await world.advance(20 * 3_600_000, 600_000);
  expect((await world.getMessage('no-phone')).state).toBe('pending');
  await world.advanceUntil(async () => (await world.getMessage('no-phone')).state === 'failed', 'failed', 600_000);
  expect((await world.getMessage('no-phone')).reasonCode).toBe('address_lookup_failed');
});
