import { startWorld, type World } from '../../support/world.ts';

type Connected = { id: string; first: string; second: string; contact: { id: string } };

let world: World;

beforeAll(async () => {
  world = await startWorld();
});

afterEach(() => world.vendor.respondWith({ body: { status: 'delivered' } }));

afterAll(() => world[Symbol.asyncDispose]());

/** A location whose provider has two connections. Their senders distinguish them at the gateway. */
async function setUpTwo(ofSecond: Record<string, unknown> = {}): Promise<Connected> {
  const { id, connectionId, contact } = await world.setUpLocation({ sender: 'first' });
  const config = { url: world.vendor.url, secret: world.vendor.secret, sender: 'second', ...ofSecond };
  const body = { providerKey: 'sms', type: 'gateway', config, name: 'Second' };
  const added = await world.api.post(`/locations/${id}/connections`, body).expect(200);
  return { id, first: connectionId, second: added.body.connectionId, contact };
}

const setPolicy = ({ id }: Connected, policy: object) => world.api.put(`/locations/${id}/routing/sms`, policy).expect(200);

const listSends = ({ id }: Connected) =>
  world.vendor.requests.flatMap(({ body }) => (body.locationId === id ? [`${body.from}: ${body.text}`] : []));

const send = async ({ id, contact }: Connected, text: string) =>
  (await world.highlevel.sendMessage(id, { contactId: contact.id, text })).messageId;

const getRoute = async (messageId: string) => {
  const { id } = await world.getMessage(messageId);
  return (await world.api.get(`/messages/${id}`).expect(200)).body;
};

test('a message goes over the connection that its rule names, and its text loses the override', async () => {
  const location = await setUpTwo();
  await setPolicy(location, {
    rules: [
      { when: { override: '2' }, connectionId: location.second },
      { when: { tag: 'VIP' }, connectionId: location.second, sender: '+12025550199' },
    ],
  });
  const overridden = await send(location, '#2 one');
  await world.advanceUntilReported(overridden);
  const tagged = await send(location, 'two');
  await world.advanceUntilReported(tagged);
  expect(listSends(location)).toEqual(['second: one', '+12025550199: two']);
  expect(await getRoute(overridden)).toMatchObject({
    connectionId: location.second,
    sender: null,
    text: 'one',
    route: { rule: 'override', steps: [{ rule: 'override', result: 'chosen', value: '2' }], name: 'Second' },
  });
  expect(await getRoute(tagged)).toMatchObject({ sender: '+12025550199', route: { rule: 'tag' } });
});

test('the messages of a contact keep their order across connections, also behind one that is retried', async () => {
  const location = await setUpTwo();
  await setPolicy(location, { rules: [{ when: { override: '2' }, connectionId: location.second }] });
  let isDown = true;
  world.vendor.respondWith(({ body }) =>
    isDown && body.from === 'second' ? { status: 503 } : { body: { status: 'delivered' } },
  );
  await send(location, 'one');
  await send(location, '#2 two');
  const last = await send(location, 'three');
  await world.advanceUntil(() => listSends(location).length >= 4, 'the second one was tried twice');
  expect(new Set(listSends(location))).toEqual(new Set(['first: one', 'second: two']));
  isDown = false;
  await world.advanceUntilReported(last);
  const sends = listSends(location);
  expect(sends.filter((text, index) => text !== sends[index - 1])).toEqual(['first: one', 'second: two', 'first: three']);
});

test('a held connection holds back its own messages and no others, and a later message never passes one that waits', async () => {
  const location = await setUpTwo();
  const other = world.highlevel.addContact(location.id, { phone: '+447400123456' });
  await setPolicy(location, { rules: [{ when: { country: 'US' }, connectionId: location.second }] });
  await world.api.put(`/connections/${location.second}`, { isPaused: true }).expect(200);
  await send(location, 'waits');
  const free = await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'goes' });
  await world.advanceUntilReported(free.messageId);
  expect(listSends(location)).toEqual(['first: goes']);
  await setPolicy(location, { rules: [] });
  await send(location, 'later');
  await world.advance(5_000);
  expect(listSends(location)).toEqual(['first: goes']);
  await world.api.put(`/connections/${location.second}`, { isPaused: false }).expect(200);
  await world.advanceUntil(() => listSends(location).length === 3);
  expect(listSends(location)).toEqual(['first: goes', 'second: waits', 'first: later']);
});

test('while the chosen connection is paused, a message fails visibly or goes to the next one, as the policy says', async () => {
  const location = await setUpTwo();
  const rules = [{ when: { tag: 'vip' }, connectionId: location.second }];
  await world.api.put(`/connections/${location.second}`, { isPaused: true }).expect(200);
  await setPolicy(location, { rules, whenUnavailable: 'fail' });
  const failing = await send(location, 'fails');
  await world.advanceUntilReported(failing);
  expect(await getRoute(failing)).toMatchObject({
    status: 'failed',
    reason: { code: 'sender_unavailable' },
    route: { steps: [{}, { rule: 'tag', result: 'fails', because: 'paused' }] },
  });
  await setPolicy(location, { rules, whenUnavailable: 'next' });
  const moved = await send(location, 'moved');
  await world.advanceUntilReported(moved);
  expect(listSends(location)).toEqual(['first: moved']);
  expect((await getRoute(moved)).route.steps.at(-1)).toEqual({ rule: 'next', result: 'chosen' });
});

test('messages that wait for a connection go to the next one when the policy lets them, unless they may have been sent', async () => {
  const location = await setUpTwo();
  const other = world.highlevel.addContact(location.id, { phone: '+12025550199', tags: ['vip'] });
  const rules = [{ when: { tag: 'vip' }, connectionId: location.second }];
  await setPolicy(location, { rules, whenUnavailable: 'next' });
  world.vendor.respondWith(({ body }) => (body.text === 'unknown' ? 'cut' : { status: 503 }));
  const unknown = await world.highlevel.sendMessage(location.id, { contactId: other.id, text: 'unknown' });
  const refused = await send(location, 'refused');
  await world.advanceUntil(() => new Set(listSends(location)).size === 2, 'both were tried');
  world.vendor.respondWith({ body: { status: 'delivered' } });
  await world.api.put(`/connections/${location.second}`, { isPaused: true }).expect(200);
  await world.advanceUntil(async () => (await world.services.redirectWaiting()) === 1, 'one is redirected');
  await world.advanceUntilReported(refused);
  expect(await getRoute(refused)).toMatchObject({ connectionId: location.first, status: 'delivered' });
  expect(await getRoute(unknown.messageId)).toMatchObject({ connectionId: location.second, status: 'pending' });
  expect(await world.services.redirectWaiting()).toBe(0);
});

test('messages that stay with a closed connection, however many, keep no other from going to the next one', async () => {
  const location = await setUpTwo();
  await setPolicy(location, { rules: [{ when: { tag: 'vip' }, connectionId: location.second }], whenUnavailable: 'next' });
  world.vendor.respondWith(({ body }) =>
    body.locationId === location.id ? { status: 503 } : { body: { status: 'delivered' } },
  );
  const waiting = await send(location, 'waits');
  await world.advanceUntil(() => listSends(location).length > 0, 'it was tried');
  await world.api.put(`/connections/${location.second}`, { isPaused: true }).expect(200);
  const { id } = await world.getMessage(waiting);
  // They may have been sent, and have been due for longer.
  await world.db.$executeRaw`
    WITH doubtful AS (
      INSERT INTO messages (id, direction, location_id, provider_key, connection_id, message_type, raw_payload, created_at, updated_at)
      SELECT gen_random_uuid(), direction, location_id, provider_key, connection_id, message_type, '', created_at, updated_at
      FROM messages, generate_series(1, 600) WHERE id = ${id}::uuid RETURNING id, connection_id, created_at),
    tried AS (
      INSERT INTO attempts (id, message_id, connection_id, started_at, ended_at, outcome)
      SELECT id, id, connection_id, created_at, created_at, 'unknown' FROM doubtful)
    INSERT INTO jobs (queue, message_id, group_key, ordering_key, priority, due_at, is_head)
    SELECT 'deliver', doubtful.id, group_key, doubtful.id::text, priority, due_at - interval '1 day', true
    FROM doubtful, jobs WHERE jobs.message_id = ${id}::uuid AND jobs.queue = 'deliver'`;
  await world.advanceUntil(async () => (await world.services.redirectWaiting()) === 1, 'one is redirected');
  await world.db.job.deleteMany({ where: { messageId: { not: id }, queue: 'deliver' } });
});

test('with sticky, a message goes out by the connection that the contact last wrote to', async () => {
  const location = await setUpTwo();
  await setPolicy(location, { sticky: true });
  await world.advanceUntilReported(await send(location, 'by default'));
  await world
    .postChannelWebhook(location.second, 'inbound', { externalId: 'in-1', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntil(
    async () =>
      (await world.db.message.count({ where: { locationId: location.id, direction: 'inbound', state: 'delivered' } })) === 1,
  );
  await world.advanceUntilReported(await send(location, 'to the same'));
  expect(listSends(location)).toEqual(['first: by default', 'second: to the same']);
});

test('a sender keeps its own daily cap and rate, beside those of its connection', async () => {
  const location = await world.setUpLocation({ sender: '+12025550101' });
  const path = `/connections/${location.connectionId}/senders/${encodeURIComponent('+12025550101')}`;
  await world.api.put(path, { dailyCap: 3, ratePerSecond: 0.5 }).expect(204);
  const contacts = [1, 2, 3, 4].map((digit) => world.highlevel.addContact(location.id, { phone: `+1202555015${digit}` }));
  const startedAt = world.clock.now();
  for (const { id } of contacts) await world.highlevel.sendMessage(location.id, { contactId: id, text: 'hi' });
  const countSends = () => world.vendor.requests.filter(({ body }) => body.locationId === location.id).length;
  await world.advanceUntil(() => countSends() === 3);
  expect(world.clock.now() - startedAt).toBeGreaterThanOrEqual(4_000);
  await world.advance(10_000);
  expect(countSends()).toBe(3);
  const { body } = await world.api.get(`/connections/${location.connectionId}/senders`).expect(200);
  expect(body.items).toMatchObject([{ address: '+12025550101', isOwn: true, dailyCap: 3, sentToday: 3, health: { sent: 3 } }]);
  await world.api.put(path, {}).expect(204);
  expect((await world.db.connection.findUniqueOrThrow({ where: { id: location.connectionId } })).hasOwnGroup).toBe(false);
});

test('where the default connection is removed, the next one takes its place and its waiting messages', async () => {
  const location = await setUpTwo();
  await world.api.put(`/connections/${location.first}`, { isPaused: true }).expect(200);
  const waiting = await send(location, 'hello');
  await world.advance(5_000);
  expect(listSends(location)).toEqual([]);
  await world.api.delete(`/connections/${location.first}`).expect(204);
  await world.advanceUntilReported(waiting);
  expect(listSends(location)).toEqual(['second: hello']);
  const { body } = await world.api.get(`/locations/${location.id}/connections`).expect(200);
  expect(body.items).toMatchObject([{ connectionId: location.second, isDefault: true }]);
  const { body: unchanged } = await world.api.put(`/connections/${location.second}`, { isDefault: false }).expect(200);
  expect(unchanged).toMatchObject({ isDefault: true });
  expect(await world.db.job.count({ where: { groupKey: { contains: location.id }, queue: 'deliver' } })).toBe(0);
});
