import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import {
  listWebhookObservations,
  observedAddress,
  type WebhookObservationRecorder,
} from '../../src/installations/webhook-observations.ts';
import { signInOperator } from '../support/operator-session.ts';
import { startWorld, type World } from '../support/world.ts';

const idle = { isIdle: true };

async function webhookObservations(world: World, ...addresses: string[]) {
  const rows = await listWebhookObservations(world.db, addresses);
  return addresses.map((address) => rows.get(address));
}

test('for each address it is known when a webhook came last, and when one with a wrong signature did', async () => {
  await using world = await startWorld();
  const location = await world.setUpLocation();
  const names = [
    observedAddress.app,
    observedAddress.provider('sms'),
    observedAddress.provider('mail'),
    observedAddress.connection(location.connectionId),
  ];
  const { messageId } = await world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text: 'hi' });
  await world.highlevel.postSigned('/webhooks/providers/mail', '{}', { signature: null });
  await world
    .postChannelWebhook(location.connectionId, 'inbound', { externalId: 'x', from: '+12025550143', text: 'hi' })
    .expect(202);
  await world.advanceUntilReported(messageId);
  const beforeMs = world.clock.now();
  world.clock.jump(60_000);
  const forged = await world.postChannelWebhook(location.connectionId, 'inbound', {}, { secret: `whsec_${'A'.repeat(32)}` });
  expect(forged.status).toBe(401);
  await world.advance(5_000);
  await world.waitFor(async () => (await webhookObservations(world, names[3] as string))[0]?.lastInvalidAt != null);

  const [app, sms, mail, channel] = await webhookObservations(world, ...names);
  expect(app).toBeUndefined();
  expect(sms).toMatchObject({ lastValidAt: expect.any(Date), lastInvalidAt: null, lastMisplacedAt: null });
  expect(mail).toMatchObject({ lastValidAt: null, lastInvalidAt: expect.any(Date) });
  expect(channel?.lastValidAt?.getTime()).toBeLessThanOrEqual(beforeMs);
  expect(channel?.lastInvalidAt?.getTime()).toBeGreaterThan(beforeMs);
  expect(channel?.lastSeenAt).toEqual(channel?.lastInvalidAt);
});

test('a channel’s callback without a signature is 401 before its body is read', async () => {
  await using world = await startWorld(idle);
  const { connectionId } = await world.setUpLocation();
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  const response = new Promise<string>((done) => socket.once('data', (data) => done(data.toString())));
  socket.write(`POST /channels/${connectionId}/inbound HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 500000\r\n\r\n`);
  expect(await response).toMatch(/^HTTP\/1\.1 401 /);
  socket.destroy();
});

test('many webhooks are one write, which is made up for when the database was away', async () => {
  await using world = await startWorld(idle);
  const rename = (from: string, to: string) => world.db.$executeRawUnsafe(`ALTER TABLE ${from} RENAME TO ${to}`);
  await rename('webhook_activity', 'webhook_activity_away');
  for (let n = 0; n < 20; n++) {
    const body = JSON.stringify({ locationId: 'l', messageId: `m${n}` });
    expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  }
  await world.advance(4_000);
  await rename('webhook_activity_away', 'webhook_activity');
  await world.advance(4_000);
  await world.waitFor(async () => (await webhookObservations(world, 'providers/sms'))[0] !== undefined);
  expect(await world.db.webhookActivity.count()).toBe(1);
});

test('what a process has seen is written when it stops, and an unknown connection makes no row', async () => {
  await using world = await startWorld(idle);
  await world.highlevel.postEvent({ type: 'UPDATE', companyId: 'c' });
  await world.postChannelWebhook(randomUUID(), 'inbound', {}).expect(404);
  await (world.services.webhookObservations as WebhookObservationRecorder).stop();
  expect(await world.db.webhookActivity.findMany()).toMatchObject([{ address: 'app', lastInvalidAt: null }]);
});

test('who opens an address of webhooks in a browser reads what it is for, in their language', async () => {
  await using world = await startWorld(idle);
  const { connectionId } = await world.setUpLocation();
  const get = (path: string, headers: Record<string, string> = { accept: 'text/html' }) => world.client.get(path).set(headers);
  const app = await get('/webhooks/app').expect(200);
  expect(app.text).toContain('This address receives app events');
  const provider = await get('/webhooks/providers/sms').expect(200);
  expect(provider.text).toContain('Delivery URL of the conversation provider “sms”');
  const spanish = await get('/webhooks/providers/sms', { accept: 'text/html', 'accept-language': 'es' }).expect(200);
  expect(spanish.text).toContain('Esta dirección recibe mensajes para enviar');
  const plain = await get('/webhooks/app', { accept: 'text/plain' }).expect(200);
  expect(plain.text).toMatch(/^This address receives app events\n/);
  await get('/webhooks/providers/nobody').expect(404);
  await get('/channels/no-uuid/inbound').expect(404);

  // No row is looked up: the page of a connection that exists and of one that does not read the same.
  await world.db.$executeRawUnsafe('ALTER TABLE connections RENAME TO connections_away');
  const [known, unknown] = [await get(`/channels/${connectionId}/inbound`), await get(`/channels/${randomUUID()}/status`)];
  await world.db.$executeRawUnsafe('ALTER TABLE connections_away RENAME TO connections');
  expect([known.status, unknown.status]).toEqual([200, 200]);
  expect(known.text).toBe(unknown.text);
});

test('two Host headers are refused', async () => {
  await using world = await startWorld(idle);
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  const response = new Promise<string>((done) => socket.once('data', (data) => done(data.toString())));
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${hostname}\r\nhost: evil.example\r\n\r\n`);
  expect(await response).toMatch(/^HTTP\/1\.1 400 /);
  socket.destroy();
});

test('the operator’s page lists unknown webhooks as text, page by page', async () => {
  await using world = await startWorld(idle);
  const { get } = await signInOperator(world);
  expect((await get('/unknown-webhooks').expect(200)).text).toContain('No unknown webhooks');
  for (let n = 0; n < 21; n++) {
    const body = JSON.stringify({ type: 'New', n, note: '<script>alert(1)</script>', password: 'hush' });
    expect(await world.highlevel.postSigned('/webhooks/providers/sms', body)).toBe(202);
  }
  const { text } = await get('/unknown-webhooks').expect(200);
  expect(text).toContain('neither a message to send nor a known event');
  expect(text).toContain('&lt;script&gt;');
  expect(text).not.toMatch(/<script>alert|hush/);
  const next = /href="\/admin(\/unknown-webhooks\?before=[^"]+)"/.exec(text)?.[1] ?? '';
  expect((await get(next).expect(200)).text).toContain('&#34;n&#34;:0');
});
