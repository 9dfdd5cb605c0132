import { adminToken } from '../support/production-settings.ts';
import { startWorld } from '../support/world.ts';

test('without a token every address but the description and the exchange of a context is 401', async () => {
  await using world = await startWorld({ isIdle: true });
  const { body: description } = await world.client.get('/api/openapi.json').expect(200);
  const paths = Object.entries(description.paths as Record<string, Record<string, unknown>>);
  expect(paths.length).toBeGreaterThanOrEqual(8);
  for (const [path, methods] of paths) {
    for (const method of Object.keys(methods) as ('get' | 'put' | 'post' | 'delete')[]) {
      if (path === '/api/session') continue;
      const address = path.replace(/\{\w+\}/g, '01890000-0000-7000-8000-000000000000');
      for (const authorization of ['', 'Bearer', 'Bearer wrong', `Basic ${adminToken}`]) {
        // Each wrong token counts as a failure, so the failure limit may reject the request first.
        const { status } = await world.client[method](address).set('authorization', authorization);
        expect([401, 429]).toContain(status);
      }
    }
  }
});

test('a caller with many wrong tokens is rate limited', async () => {
  await using world = await startWorld({ isIdle: true });
  for (let attempt = 0; attempt < 20; attempt++)
    await world.client.get('/api/overview').set('authorization', 'Bearer wrong').expect(401);
  const { headers } = await world.client.get('/api/overview').set('authorization', 'Bearer wrong').expect(429);
  expect(Number(headers['retry-after'])).toBeGreaterThan(0);
});

test('without a configured token all requests are rejected', async () => {
  await using world = await startWorld({ isIdle: true, services: { adminToken: undefined } });
  await world.client.get('/api/overview').set('authorization', 'Bearer undefined').expect(401);
  await world.client.get('/api/overview').set('authorization', 'Bearer ').expect(401);
});

test('locations come page by page', async () => {
  await using world = await startWorld({ isIdle: true });
  const ids = [];
  for (let count = 0; count < 5; count++) ids.push((await world.install()).id);
  const found: string[] = [];
  let cursor = '';
  do {
    const { body } = await world.api.get(`/locations?limit=2${cursor}`).expect(200);
    expect(body.items.length).toBeLessThanOrEqual(2);
    found.push(...body.items.map(({ locationId }: { locationId: string }) => locationId));
    cursor = body.nextCursor ? `&cursor=${body.nextCursor}` : '';
  } while (cursor);
  expect(found).toEqual([...ids].sort());
  await world.api.get('/locations/nobody').expect(404);
});

test('a channel is connected, read, changed and disconnected; its secret never comes back', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const path = `/locations/${id}/channels/sms`;
  const { url, secret } = world.vendor;
  await world.api.get(path).expect(404);

  const { body: connected } = await world.api.put(path, { type: 'gateway', config: { url, secret } }).expect(200);
  expect(connected).toMatchObject({
    locationId: id,
    providerKey: 'sms',
    type: 'gateway',
    config: { url, timeoutMs: 10_000 },
    callbackUrls: {
      status: `${world.url}/channels/${connected.connectionId}/status`,
      inbound: `${world.url}/channels/${connected.connectionId}/inbound`,
    },
  });
  expect(JSON.stringify(connected)).not.toContain(secret);

  const { body: changed } = await world.api.put(path, { type: 'gateway', config: { url, timeoutMs: 2_000 } }).expect(200);
  expect(changed).toMatchObject({ connectionId: connected.connectionId, config: { url, timeoutMs: 2_000 } });
  await world
    .postChannelWebhook(connected.connectionId, 'inbound', { externalId: 'x', from: '+1', text: 'the secret is kept' })
    .expect(202);
  expect((await world.api.get(`/locations/${id}`)).body.channels).toEqual([
    { providerKey: 'sms', type: 'gateway', connectionId: connected.connectionId },
  ]);

  await world.api.delete(path).expect(204);
  await world.api.get(path).expect(404);
  await world.api.delete(path).expect(404);
});

test('a channel whose secret can’t be opened any more is connected anew with a new one', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.setUpLocation();
  await world.db.connection.updateMany({ data: { config: 'v1.lost.key.material' } });
  const path = `/locations/${id}/channels/sms`;
  await world.api.get(path).expect(500);
  await world.api.put(path, { type: 'gateway', config: { url: world.vendor.url } }).expect(500);
  await world.connect(id);
  await world.api.get(path).expect(200);
});

test('the response lists every problem of a channel’s config', async () => {
  await using world = await startWorld({ isIdle: true });
  const { id } = await world.install();
  const put = (key: string, body: object) => world.api.put(`/locations/${id}/channels/${key}`, body);
  const { body } = await put('sms', { type: 'gateway', config: { url: 'x', secret: 'y', timeoutMs: 'z' } }).expect(422);
  expect(body.error).toMatchObject({ code: 'request_invalid' });
  expect(body.error.details.map((detail: string) => detail.split(':')[0])).toEqual([
    'config.url',
    'config.secret',
    'config.timeoutMs',
  ]);
  const unknown = await put('sms', {
    type: 'gateway',
    config: { url: world.url, secret: world.vendor.secret, nope: 1 },
  }).expect(422);
  expect(unknown.body.error.details).toEqual(['config: Unrecognized key: "nope"']);
  expect((await put('sms', { type: 'pigeon', config: {} }).expect(422)).body.error.details[0]).toContain('gateway');
  await put('nobody', { type: 'gateway', config: {} }).expect(404);
  await put('sms', {}).expect(422);
  await world.api.put('/locations/nobody/channels/sms', { type: 'gateway', config: {} }).expect(404);
});

test('a test message goes through the channel, is not reported to HighLevel and not retried', async () => {
  await using world = await startWorld();
  const { id } = await world.setUpLocation();
  const { body: tested } = await world.api
    .post(`/locations/${id}/channels/sms/test`, { to: '+12025550100', text: 'try' })
    .expect(202);
  await world.waitFor(async () => (await world.api.get(`/messages/${tested.id}`)).body.status === 'delivered');
  expect(world.vendor.requests[0]?.body).toMatchObject({ to: '+12025550100', text: 'try' });

  world.vendor.respondWith({ status: 503 });
  const { body: failed } = await world.api.post(`/locations/${id}/channels/sms/test`).expect(202);
  await world.waitFor(async () => (await world.api.get(`/messages/${failed.id}`)).body.status === 'failed');
  await world.advance(60_000, 10_000);
  expect(world.vendor.requests).toHaveLength(2);
  expect(world.highlevel.calls.listByOperation('updateMessageStatus')).toEqual([]);
  await world.api.post(`/locations/${id}/channels/whatsapp/test`).expect(404);
});

test('the log of a location is paged, filtered and searched, and shows no other location’s messages', async () => {
  await using world = await startWorld();
  const [mine, other] = [await world.setUpLocation(), await world.setUpLocation()];
  for (let count = 0; count < 5; count++) {
    await world.highlevel.sendMessage(mine.id, { contactId: mine.contact.id, text: `note ${count}` });
  }
  await world.highlevel.sendMessage(other.id, { contactId: other.contact.id, text: 'note of another' });
  await world
    .postChannelWebhook(mine.connectionId, 'inbound', { externalId: 'i', from: '+12025550143', text: 'A REPLY' })
    .expect(202);
  await world.advanceUntil(async () => (await world.db.message.count({ where: { state: 'pending' } })) === 0);

  const list = async (query: string) => (await world.api.get(`/locations/${mine.id}/messages${query}`).expect(200)).body;
  const texts = ({ items }: { items: { text: string }[] }) => items.map(({ text }) => text);
  expect(texts(await list(''))).toEqual(['A REPLY', 'note 4', 'note 3', 'note 2', 'note 1', 'note 0']);
  expect(texts(await list('?direction=inbound'))).toEqual(['A REPLY']);
  expect(texts(await list('?q=reply'))).toEqual(['A REPLY']);
  expect(texts(await list('?q=note%203'))).toEqual(['note 3']);
  expect(texts(await list('?status=failed'))).toEqual([]);
  const first = await list('?limit=4');
  const second = await list(`?limit=4&cursor=${first.nextCursor}`);
  expect([...texts(first), ...texts(second)]).toHaveLength(6);
  expect(second.nextCursor).toBeNull();
  await world.api.get(`/locations/${mine.id}/messages?status=sent`).expect(422);
  await world.api.get(`/locations/${mine.id}/messages?limit=0`).expect(422);
  await world.api.get(`/locations/${mine.id}/messages?cursor=${first.nextCursor}x`).expect(422);
  await world.api.get('/locations/nobody/messages').expect(404);
});

test('a message shows every attempt and its timeline with HighLevel’s trace ids', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith(() => (world.vendor.requests.length === 1 ? { status: 503 } : { body: { status: 'delivered' } }));
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  await world.waitFor(async () => (await world.getMessage(messageId)).reportedState === 'delivered');
  const { id } = await world.getMessage(messageId);
  const { body } = await world.api.get(`/messages/${id}`).expect(200);
  expect(body).toMatchObject({ id, highlevelMessageId: messageId, status: 'delivered', reportedStatus: 'delivered' });
  expect(body.attempts.map(({ outcome }: { outcome: string }) => outcome)).toEqual(['unavailable', 'delivered']);
  const events = body.timeline.map(({ event }: { event: string }) => event);
  expect(events).toEqual(['received', 'attempt_begun', 'attempt_ended', 'attempt_begun', 'attempt_ended', 'report']);
  expect(body.timeline.at(-1).traceId).toMatch(/^\w{20}$/);
  await world.api.get('/messages/01890000-0000-7000-8000-000000000000').expect(404);
  await world.api.get('/messages/nonsense').expect(404);
});

test('what failed can be sent again and then wins; what is on its way or has arrived can’t', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  world.vendor.respondWith({ status: 400 });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  world.vendor.respondWith({ body: { status: 'delivered' } });
  const { id } = await world.getMessage(messageId);
  await world.api.post(`/messages/${id}/retry`).expect(202);
  await world.advanceUntil(() => world.highlevel.listStatuses(messageId).includes('delivered'));
  expect(world.highlevel.listStatuses(messageId)).toEqual(['failed', 'delivered']);
  expect((await world.api.post(`/messages/${id}/retry`).expect(409)).body.error.code).toBe('conflict');
});

test('the overview counts locations, messages and jobs', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntilReported(messageId);
  const { body } = await world.api.get('/overview').expect(200);
  expect(body.locations).toEqual({ active: 1 });
  expect(body.messages).toEqual([{ direction: 'outbound', status: 'delivered', count: 1 }]);
  expect(body.queues.map(({ name }: { name: string }) => name).sort()).toEqual(['deliver', 'fetch', 'highlevel']);
});
