import { connect } from 'node:net';
import { createBodyReader } from '../../src/http/read-body.ts';
import { startWorld, type World } from '../support/world.ts';

const mebibyte = 1024 * 1024;
const idle = { isIdle: true };

function post(world: World, path: string, body: string, signature = world.highlevel.sign(body)) {
  return world.client.post(path).set('content-type', 'application/json').set('x-ghl-signature', signature).send(body);
}

function email(locationId: string, contactId: string, bytes: number, messageId = 'large'): string {
  return JSON.stringify({
    ...{ locationId, contactId, messageId, type: 'Email', subject: 'Our brochure', emailTo: ['maya@example.com'] },
    html: `<p>${'x'.repeat(bytes)}</p>`,
  });
}

test('an email of 1.4 MB is taken and sent whole', async () => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id, 'mail');
  await post(world, '/webhooks/providers/mail', email(location.id, location.contact.id, 1_400_000)).expect(202);
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(String(world.vendor.listReceived()[0]?.html).length).toBe(1_400_007);
});

test('a body of just under 10 MiB is taken and sent whole', async () => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id, 'mail');
  const body = email(location.id, location.contact.id, 10 * mebibyte - 1_000);
  await post(world, '/webhooks/providers/mail', body).expect(202);
  expect((await world.getMessage('large')).rawPayload.length).toBeLessThan(2 * mebibyte);
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(String(world.vendor.listReceived()[0]?.html).length).toBe(10 * mebibyte - 993);
});

test('a larger one is not sent: it is stored as failed, reported to HighLevel with the reason, and a resend sends no part of it', async () => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id);
  const { messageId } = await world.highlevel.sendMessage(location.id, {
    contactId: location.contact.id,
    text: 'known to HighLevel',
    messageId: 'sent-before',
  });
  await world.advanceUntilReported(messageId);
  const body = JSON.stringify({
    ...{ locationId: location.id, contactId: location.contact.id, messageId: 'large', type: 'SMS', phone: '+12025550143' },
    ...{ attachments: ['https://example.com/a.png'], message: 'x'.repeat(11 * mebibyte) },
  });
  world.highlevel.state.messages.large = {
    ...(world.highlevel.state.messages[messageId] as object),
    ...{ id: 'large', statuses: [] },
  } as never;
  await post(world, '/webhooks/providers/sms', body).expect(202);
  await post(world, '/webhooks/providers/sms', body).expect(202);
  await world.advanceUntilReported('large');
  expect(world.highlevel.listStatuses('large')).toEqual(['failed']);
  const stored = await world.getMessage('large');
  expect(stored).toMatchObject({ state: 'failed', reasonCode: 'too_large', text: null, attachments: [] });
  expect(JSON.stringify(world.highlevel.calls.listByOperation('updateMessageStatus').at(-1)?.body)).toContain(
    'larger than 10 MB',
  );

  const { body: refused } = await world.api.post(`/messages/${stored.id}/retry`).expect(409);
  expect(refused.error.message).toContain('too large');
  await world.api.post(`/locations/${location.id}/redrives`, {}).expect(202);
  await world.advanceUntil(async () => (await world.db.redrive.findFirstOrThrow()).endedAt !== null);
  expect((await world.getMessage('large')).state).toBe('failed');
  expect(world.vendor.listReceived()).toHaveLength(1);
});

test('one that HighLevel has cut off is not sent: it is stored as failed', async () => {
  await using world = await startWorld();
  const location = await world.install();
  await world.connect(location.id, 'mail');
  const cut = JSON.stringify({ ...JSON.parse(email(location.id, location.contact.id, 1_000, 'cut')), payloadTooLarge: true });
  await post(world, '/webhooks/providers/mail', cut).expect(202);
  await post(world, '/webhooks/providers/mail', email(location.id, location.contact.id, 1_000, 'whole')).expect(202);
  await world.advanceUntil(() => world.vendor.listReceived().length === 1);
  expect(await world.getMessage('cut')).toMatchObject({ state: 'failed', reasonCode: 'too_large', html: null });
});

test('a larger one whose signature does not fit is 401 and changes nothing: its ids prove nothing', async () => {
  await using world = await startWorld(idle);
  const body = email('l', 'c', 11 * mebibyte);
  await post(world, '/webhooks/providers/mail', body, world.highlevel.sign(`${body} `)).expect(401);
  expect(await world.db.message.count()).toBe(0);
});

test('a body beyond 40 MiB is not read', async () => {
  await using world = await startWorld(idle);
  const { response } = await openRequest(world, { 'content-length': String(41 * mebibyte), 'x-ghl-signature': 'A'.repeat(86) });
  expect(await response).toMatch(/^HTTP\/1\.1 413 /);
});

test('when too much is being read a webhook is 503 with Retry-After, and taken when there is room again', async () => {
  await using world = await startWorld(idle);
  const roomy = world.services.readBody;
  world.services.readBody = createBodyReader({ totalBytes: 10, smallReserveBytes: 0 });
  const { headers, body } = await post(world, '/webhooks/providers/sms', '{"locationId":"l","messageId":"m"}').expect(503);
  expect(headers['retry-after']).toMatch(/^\d+$/);
  expect(body.error.code).toBe('overloaded');
  world.services.readBody = roomy;
  await post(world, '/webhooks/providers/sms', '{"locationId":"l","messageId":"m"}').expect(202);
});

test.each([
  ['without a signature', undefined],
  ['with N/A', 'N/A'],
  ['with one of the wrong length', 'AAAA'],
])('a request %s is 401 before its body is read', async (_name, signature) => {
  await using world = await startWorld(idle);
  const { response } = await openRequest(world, {
    'content-length': '1000000',
    ...(signature ? { 'x-ghl-signature': signature } : {}),
  });
  expect(await response).toMatch(/^HTTP\/1\.1 401 /);
});

/** Sends the headers of a webhook and no body. */
async function openRequest(world: World, headers: Record<string, string>) {
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  await new Promise((done) => socket.once('connect', done));
  const lines = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.on('error', () => {});
  const response = new Promise<string>((done) => {
    socket.once('data', (data) => {
      done(data.toString());
      socket.destroy();
    });
  });
  socket.write(`POST /webhooks/providers/mail HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`);
  return { response };
}
