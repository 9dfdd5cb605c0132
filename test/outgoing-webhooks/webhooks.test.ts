import { runCleanup } from '../../src/worker/cleanup.ts';
import { createPageClient } from '../support/page-client.ts';
import { startWebhookReceiver, verifyWebhook } from '../support/webhook-receiver.ts';
import { startWorld, type World } from '../support/world.ts';

const day = 24 * 60 * 60_000;
const allTypes = [
  'message.accepted',
  'message.delivered',
  'message.read',
  'message.failed',
  'message.received',
  'opt_out.created',
  'opt_out.removed',
  'channel.held',
  'channel.resumed',
  'alert.triggered',
  'alert.resolved',
];

async function addEndpoint(world: World, locationId: string, url: string, eventTypes: string[] = allTypes) {
  const { body } = await world.api.post(`/locations/${locationId}/webhooks`, { url, eventTypes }).expect(200);
  return { ...body, path: `/locations/${locationId}/webhooks/${body.id}` } as { id: string; secret: string; path: string };
}

/** Evaluates the alert rules, which one process does once a minute. */
async function evaluateAlerts(world: World): Promise<void> {
  await world.advance(61_000, 61_000);
  await world.services.alerts.evaluateAlerts();
}

const fail = { status: 400, body: { error: { code: '30003', message: 'The phone is off.' } } };

test('an agency gets the events that it chose, signed, once each, and nothing of another location', async () => {
  await using world = await startWorld();
  await using receiver = await startWebhookReceiver();
  await using narrow = await startWebhookReceiver();
  await using foreign = await startWebhookReceiver();
  const [location, other] = [await world.setUpLocation(), await world.setUpLocation()];
  const { secret } = await addEndpoint(world, location.id, receiver.url);
  await addEndpoint(world, location.id, narrow.url, ['message.failed']);
  await addEndpoint(world, other.id, foreign.url);
  const { contact, connectionId } = location;
  const awaitTypes = (...types: string[]) =>
    world.advanceUntil(() => types.every((type) => receiver.listTypes().includes(type)), types.join());

  world.vendor.respondWith({ body: { externalId: 'x-1' } });
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'hi' });
  await awaitTypes('message.accepted');
  const { id } = await world.getMessage(messageId);
  for (const status of ['delivered', 'read']) {
    await world.postChannelWebhook(connectionId, 'status', { externalId: 'x-1', status }).expect(202);
    await awaitTypes(`message.${status}`);
  }
  world.vendor.respondWith(fail);
  await world.highlevel.sendMessage(location.id, { contactId: contact.id, text: 'again' });
  await awaitTypes('message.failed');
  const inbound = { externalId: 'in-1', from: '+12025550143', to: '+12025550100', text: 'STOP' };
  await world.postChannelWebhook(connectionId, 'inbound', inbound).expect(202);
  await awaitTypes('message.received', 'opt_out.created');
  await world.api.delete(`/locations/${location.id}/opt-outs/+12025550143`).send({ reason: 'asked again' }).expect(204);
  const connection = await world.services.connections.getConnection(connectionId);
  await world.services.connections.holdConnection(connection, { code: 'credentials', message: 'Not accepted.' });
  await evaluateAlerts(world);
  await awaitTypes('opt_out.removed', 'channel.held', 'alert.triggered');
  await world.api.post(`/locations/${location.id}/channels/sms/resume`).expect(200);
  await evaluateAlerts(world);
  await awaitTypes('channel.resumed', 'alert.resolved');

  const byType = Object.fromEntries(receiver.received.map((webhook) => [webhook.type, webhook]));
  expect(Object.keys(byType).sort()).toEqual([...allTypes].sort());
  expect(new Set(receiver.received.map((one) => one.id)).size).toBe(receiver.received.length);
  expect(byType['message.accepted']?.data).toMatchObject({
    id,
    highlevelMessageId: messageId,
    locationId: location.id,
    status: 'pending',
    contactId: contact.id,
    direction: 'outbound',
  });
  expect(byType['message.delivered']?.data).toMatchObject({ id, status: 'delivered' });
  expect(byType['message.failed']?.data).toMatchObject({
    status: 'failed',
    reason: { code: '30003', message: 'The phone is off.' },
  });
  expect(byType['message.received']?.data).toMatchObject({ text: 'STOP', from: '+12025550143', contactId: contact.id });
  expect(byType['opt_out.created']?.data).toMatchObject({ address: '+12025550143', source: 'contact' });
  expect(byType['channel.held']?.data).toMatchObject({ connectionId, providerKey: 'sms', reason: { code: 'credentials' } });
  expect(byType['alert.triggered']?.data).toMatchObject({ kind: 'channel_held', details: expect.any(String) });
  // The erasure of a contact reaches the events and what receivers responded.
  await world.api.post(`/locations/${location.id}/erasures`, { contactId: contact.id }).expect(202);
  await world.advanceUntil(async () => {
    await world.services.privacy.runErasures();
    return (await world.db.webhookEvent.count({ where: { address: { not: null } } })) === 0;
  }, 'erased');
  // The content of what was sent is not repeated.
  expect(byType['message.failed']?.body).not.toContain('again');
  expect(narrow.listTypes()).toEqual(['message.failed']);
  expect(foreign.received).toEqual([]);
  expect(receiver.received.filter(({ body }) => body.includes(world.vendor.secret) || body.includes(secret))).toEqual([]);
});

test('a test event verifies with the library of Standard Webhooks; after a rotation both secrets do, for a day', async () => {
  await using world = await startWorld();
  await using receiver = await startWebhookReceiver();
  const location = await world.install();
  const { path, secret } = await addEndpoint(world, location.id, receiver.url, ['message.failed']);
  expect(JSON.stringify(await world.db.webhookEndpoint.findFirst())).not.toContain(secret);
  const sendTest = async () => {
    const { body } = await world.api.post(`${path}/test`).expect(202);
    await world.advanceUntil(() => receiver.received.some(({ id }) => id === body.eventId), 'received');
    return receiver.received.find(({ id }) => id === body.eventId) as (typeof receiver.received)[number];
  };
  // The library compares with this machine's clock.
  world.clock.jump(Math.max(0, Date.now() - world.clock.now()));
  const first = await sendTest();
  verifyWebhook(secret, first);
  expect(first).toMatchObject({ type: 'webhook.test', data: { locationId: location.id } });

  const change = { url: receiver.url, eventTypes: ['message.failed'] };
  const { body: rotated } = await world.api.put(path, { ...change, rotateSecret: true }).expect(200);
  const second = await sendTest();
  for (const known of [secret, rotated.secret]) verifyWebhook(known, second);
  expect((await world.api.get(path).expect(200)).body).not.toHaveProperty('secret');
  world.clock.jump(day);
  const third = await sendTest();
  expect(third.headers['webhook-signature']?.split(' ')).toHaveLength(1);
  expect((await world.api.put(path, change).expect(200)).body.secret).toBeNull();
});

test('a failed event is sent again by the schedule, under its id, and the log keeps each attempt for a month', async () => {
  await using world = await startWorld({ isIdle: true });
  await using receiver = await startWebhookReceiver();
  const location = await world.install();
  const { path } = await addEndpoint(world, location.id, receiver.url, ['message.failed']);
  receiver.respondWith({ status: 500, body: 'out of order' });
  const send = async (attempts: number) => {
    await world.services.outgoingWebhooks.sendDueWebhooks();
    await world.waitFor(async () => (await world.db.webhookAttempt.count()) === attempts, `${attempts} attempts`);
  };
  const start = world.clock.now();
  await world.api.post(`${path}/test`).expect(202);
  for (let count = 1; count <= 10; count++) {
    await send(count);
    // Before it is due it is not sent.
    await world.services.outgoingWebhooks.sendDueWebhooks();
    const { dueAt } = await world.db.webhookEvent.findFirstOrThrow();
    if (count === 1) expect((dueAt?.getTime() ?? 0) - start).toBeGreaterThanOrEqual(5_000);
    if (dueAt) world.clock.jump(dueAt.getTime() - world.clock.now());
  }
  expect(world.clock.now() - start).toBeGreaterThan(3 * day);
  expect(receiver.received).toHaveLength(10);
  expect(new Set(receiver.received.map(({ id }) => id)).size).toBe(1);
  expect(await world.db.webhookEvent.findFirst()).toMatchObject({ outcome: 'failed', dueAt: null });
  const { body } = await world.api.get(`${path}/attempts?limit=3`).expect(200);
  expect(body.items[0]).toMatchObject({ status: 500, response: 'out of order', outcome: 'failed', type: 'webhook.test' });
  expect(body.nextCursor).not.toBeNull();
  expect((await world.api.get(path).expect(200)).body).toMatchObject({ status: 'failing' });

  receiver.respondWith({});
  const { eventId } = body.items[0];
  await world.api.post(`${path}/replay`, { eventId }).expect(202);
  await send(11);
  expect((await world.api.get(path).expect(200)).body).toMatchObject({ status: 'active', failingSince: null });
  expect((await world.api.post(`${path}/replay`, { since: new Date(start).toISOString() }).expect(202)).body).toEqual({
    count: 0,
  });
  await world.api.post(`${path}/replay`, {}).expect(422);

  world.clock.jump(31 * day);
  await runCleanup(world.services);
  expect([await world.db.webhookAttempt.count(), await world.db.webhookEvent.count()]).toEqual([0, 0]);
});

test('an endpoint that hangs holds up no other one; after five days of failures it is disabled with an alert, and a person enables it', async () => {
  await using world = await startWorld();
  await using dead = await startWebhookReceiver();
  await using alive = await startWebhookReceiver();
  const location = await world.setUpLocation();
  const first = await addEndpoint(world, location.id, dead.url, ['message.failed']);
  await addEndpoint(world, location.id, alive.url, ['message.failed', 'alert.triggered']);
  dead.respondWith('hang');
  for (let count = 0; count < 15; count++) await world.api.post(`${first.path}/test`).expect(202);
  world.vendor.respondWith(fail);
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => alive.listTypes().includes('message.failed'), 'the other endpoint has its event');
  // In flight: as many as one endpoint may have.
  expect(dead.received.length).toBeLessThanOrEqual(10);

  dead.respondWith({ status: 503 });
  const since = new Date(world.clock.now() - 6 * day);
  await world.db.webhookEndpoint.updateMany({ where: { id: first.id }, data: { failingSince: since, failureCount: 20 } });
  await world.advanceUntil(async () => (await world.api.get(first.path)).body.status === 'disabled', 'disabled');
  await evaluateAlerts(world);
  await world.advanceUntil(() => alive.listTypes().includes('alert.triggered'), 'the alert has arrived');
  expect(await world.db.alert.findFirst({ where: { kind: 'webhook_disabled' } })).toMatchObject({
    locationId: location.id,
    details: expect.stringContaining('has acknowledged no event for five days'),
  });
  await world.api.post(`${first.path}/test`).expect(409);
  const before = await world.db.webhookEvent.count({ where: { endpointId: first.id } });
  await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.advanceUntil(() => alive.listTypes().filter((type) => type === 'message.failed').length === 2);
  expect(await world.db.webhookEvent.count({ where: { endpointId: first.id } })).toBe(before);

  dead.respondWith({});
  const change = { url: dead.url, eventTypes: ['message.failed'], isEnabled: true };
  expect((await world.api.put(first.path, change).expect(200)).body).toMatchObject({ status: 'active', failingSince: null });
  const { body } = await world.api.post(`${first.path}/replay`, { since: since.toISOString() }).expect(202);
  expect(body.count).toBeGreaterThan(1);
  await world.advanceUntil(
    async () => (await world.db.webhookEvent.count({ where: { endpointId: first.id, outcome: null } })) === 0,
  );
  await evaluateAlerts(world);
  expect(await world.db.alert.count({ where: { kind: 'webhook_disabled', endedAt: null } })).toBe(0);
});

test('410 disables an endpoint at once; Retry-After is kept; the uninstall deletes endpoints; private and wrong URLs are refused', async () => {
  await using world = await startWorld();
  await using receiver = await startWebhookReceiver();
  const location = await world.install();
  const { path } = await addEndpoint(world, location.id, receiver.url);
  receiver.respondWith({ status: 429, headers: { 'retry-after': '3600' } });
  await world.api.post(`${path}/test`).expect(202);
  await world.advanceUntil(async () => (await world.db.webhookAttempt.count()) === 1);
  const readDueAt = async () => (await world.db.webhookEvent.findFirstOrThrow()).dueAt?.getTime();
  expect(await readDueAt()).toBeGreaterThan(world.clock.now() + 3_500_000);
  // The header may be a date as well.
  receiver.respondWith({ status: 503, headers: { 'retry-after': new Date(world.clock.now() + 3 * 3_600_000).toUTCString() } });
  await world.advanceUntil(async () => (await world.db.webhookAttempt.count()) === 2, 'the next attempt', 60_000);
  expect(await readDueAt()).toBeGreaterThan(world.clock.now() + 1.5 * 3_600_000);
  receiver.respondWith({ status: 410 });
  await world.api.post(`${path}/test`).expect(202);
  await world.advanceUntil(async () => (await world.api.get(path)).body.disabledReason === 'gone', 'gone');

  for (const url of ['ftp://example.com', 'https://user:pass@example.com/', 'nonsense']) {
    await world.api.post(`/locations/${location.id}/webhooks`, { url, eventTypes: ['message.read'] }).expect(422);
  }
  await world.api.delete(`/locations/${location.id}`).expect(202);
  expect(await world.db.webhookEndpoint.count()).toBe(0);

  await using production = await startWorld({ isIdle: true, services: { allowPrivateTargets: false } });
  const { id } = await production.install();
  for (const [url, status] of [
    ['https://127.0.0.1/', 422],
    ['https://[::1]/', 422],
    ['http://example.com/', 422],
    ['https://example.com/', 200],
  ] as const) {
    await production.api.post(`/locations/${id}/webhooks`, { url, eventTypes: ['message.read'] }).expect(status);
  }
});

test('an admin adds, tests, edits, rotates and removes an endpoint on the pages, in both languages', async () => {
  await using world = await startWorld();
  await using receiver = await startWebhookReceiver();
  const { id: locationId, companyId } = await world.install();
  const pages = await createPageClient(world, { companyId, activeLocation: locationId, role: 'admin' });
  const wrong = await pages.post('webhooks', { do: 'add', url: 'ftp://x', eventTypes: 'message.read' }, 'es');
  expect([wrong.status, wrong.text]).toEqual([422, expect.stringContaining('empiece por https://')]);
  const added = await pages.post('webhooks', { do: 'add', url: receiver.url, eventTypes: ['message.read', 'opt_out.created'] });
  expect(added.text).toMatch(/value="whsec_[^"]{40,}"/);
  const { id } = await world.db.webhookEndpoint.findFirstOrThrow();
  const own = `webhooks/endpoint?id=${id}`;
  receiver.respondWith({ status: 500, body: 'broken' });
  await pages.post(own, { do: 'test', id }).expect(200);
  await world.advanceUntil(async () => (await world.db.webhookAttempt.count()) > 0);
  expect((await pages.get(own).expect(200)).text).toContain('broken');
  expect((await pages.get(own, 'es').expect(200)).text).toContain('Con fallos');
  receiver.respondWith({});
  const [event] = receiver.received;
  await pages.post(own, { do: 'switch', id, isEnabled: 'false' }).expect(200);
  await pages.post(own, { do: 'switch', id, isEnabled: 'true' }).expect(200);
  await pages.post(own, { do: 'replay', id, eventId: event?.id ?? '' }).expect(200);
  await world.advanceUntil(() => receiver.received.length > 1, 'sent again');
  await pages
    .post(own, { do: 'save', id, url: `${receiver.url}?a=1`, eventTypes: 'message.read', description: 'CRM' })
    .expect(200);
  expect(await world.db.webhookEndpoint.findFirst()).toMatchObject({ eventTypes: ['message.read'], description: 'CRM' });
  expect((await pages.post(own, { do: 'rotate', id })).text).toMatch(/value="whsec_/);
  await pages.post(own, { do: 'remove', id }).expect(200);
  expect(await world.db.webhookEndpoint.count()).toBe(0);
  await pages.get(own).expect(404);
});
