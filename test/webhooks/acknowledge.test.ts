import { generateKeyPairSync, sign } from 'node:crypto';
import { startWorld } from '../support/world.ts';

const post = (world: Awaited<ReturnType<typeof startWorld>>, path: string, body: string) =>
  world.client.post(path).set('content-type', 'application/json').set('x-ghl-signature', world.highlevel.sign(body)).send(body);

test('an unknown provider key is 404, one that is not JSON is 400, one without ids is acknowledged and no message', async () => {
  await using world = await startWorld({ isIdle: true });
  const good = JSON.stringify({ locationId: 'l', messageId: 'm' });
  await post(world, '/webhooks/providers/nobody', good).expect(404);
  const { body } = await post(world, '/webhooks/providers/sms', 'not json').expect(400);
  expect(body).toEqual({ error: { code: 'payload_invalid', message: 'The body is not JSON.', details: [] } });
  await post(world, '/webhooks/providers/sms', '{"messageId":"m"}').expect(202);
  await post(world, '/webhooks/providers/sms', '').expect(400);
  await post(world, '/webhooks/providers/sms', good).expect(202);
  expect(await world.db.message.count()).toBe(1);
});

test('any of the configured keys will do, so that HighLevel can rotate its own', async () => {
  const next = generateKeyPairSync('ed25519');
  await using world = await startWorld({ isIdle: true });
  (world.services.webhookKeys as unknown as unknown[]).push(next.publicKey);
  const body = JSON.stringify({ locationId: 'l', messageId: 'm' });
  const signature = sign(null, Buffer.from(body), next.privateKey).toString('base64');
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', body, { signature })).toBe(202);
  expect(await world.highlevel.postSigned('/webhooks/providers/sms', body.replace('"m"', '"n"'))).toBe(202);
});

test('a failure of the database results in 503 with Retry-After, never 2xx', async () => {
  await using world = await startWorld({ isIdle: true });
  await world.db.$executeRawUnsafe('ALTER TABLE messages RENAME TO messages_away');
  const body = JSON.stringify({ locationId: 'l', messageId: 'm' });
  const response = await post(world, '/webhooks/providers/sms', body).expect(503);
  expect(response.body.error.code).toBe('database_unavailable');
  expect(response.headers['retry-after']).toMatch(/^\d+$/);
  await world.db.$executeRawUnsafe('ALTER TABLE messages_away RENAME TO messages');
  await post(world, '/webhooks/providers/sms', body).expect(202);
});

test('a message and its job are one commit: when the job can’t be stored, neither is', async () => {
  await using world = await startWorld({ isIdle: true });
  const rename = (from: string, to: string) => world.db.$executeRawUnsafe(`ALTER TABLE ${from} RENAME TO ${to}`);
  await rename('jobs', 'jobs_away');
  const body = JSON.stringify({ locationId: 'l', messageId: 'm' });
  await post(world, '/webhooks/providers/sms', body).expect(503);
  expect(await world.db.message.count()).toBe(0);
  await rename('jobs_away', 'jobs');
  await post(world, '/webhooks/providers/sms', body).expect(202);
  expect(await world.db.message.count()).toBe(1);
});

test('the same messageId in two locations is two messages', async () => {
  await using world = await startWorld({ isIdle: true });
  for (const locationId of ['one', 'two']) {
    await post(world, '/webhooks/providers/sms', JSON.stringify({ locationId, messageId: 'same' })).expect(202);
  }
  expect(await world.db.message.count()).toBe(2);
});

test('app events of any type are stored once, by webhookId or by their bytes', async () => {
  await using world = await startWorld({ isIdle: true });
  const install = JSON.stringify({
    type: 'INSTALL',
    appId: '5f1a2b3c4d5e6f7a8b9c0d1e',
    companyId: 'c',
    webhookId: 'w1',
    timestamp: '2026-01-01T09:00:00Z',
  });
  await post(world, '/webhooks/app', install).expect(202);
  await post(world, '/webhooks/app', install.replace('INSTALL', 'REPEATED')).expect(202);
  const unknownEvent = JSON.stringify({ type: 'SOMETHING_NEW', x: 1 });
  await post(world, '/webhooks/app', unknownEvent).expect(202);
  await post(world, '/webhooks/app', unknownEvent).expect(202);
  const events = await world.db.appEvent.findMany({ orderBy: { type: 'asc' } });
  expect(events).toMatchObject([
    { id: 'w1', type: 'INSTALL', companyId: 'c', occurredAt: new Date('2026-01-01T09:00:00Z'), rawPayload: install },
    { type: 'SOMETHING_NEW', rawPayload: unknownEvent },
  ]);
});

test('text with characters that PostgreSQL can’t keep is stored, not refused at every retry', async () => {
  await using world = await startWorld({ isIdle: true });
  await post(world, '/webhooks/providers/sms', '{"locationId":"l","messageId":"m","message":"a\\u0000b\\ud800c"}').expect(202);
  expect((await world.getMessage('m')).text).toBe('ab\ufffdc');
});
