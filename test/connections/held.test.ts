import { listPeriodicTasks, startPeriodicTasks } from '../../src/worker/periodic-tasks.ts';
import { acmeKey, createAcme, rejectedKey } from '../support/acme.ts';
import { startWorld, type World } from '../support/world.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const connectionError = { kind: 'connection_error', code: 'wrong_key', message: 'Acme refuses the key.' } as const;

async function startConnected(acme = createAcme()) {
  const world = await startWorld({ channels: acme.channels });
  const location = await world.install();
  const path = `/locations/${location.id}/channels/sms`;
  await world.api.put(path, { type: 'acme', config: { key: acmeKey } }).expect(200);
  const getStatus = async () => (await world.api.get(path).expect(200)).body.status;
  const send = (text: string) => world.highlevel.sendMessage(location.id, { contactId: location.contact.id, text });
  return { acme, world, location, path, getStatus, send };
}

const listAudit = async (world: World, action: string) =>
  (await world.db.auditEntry.findMany({ where: { action } })).map(({ actor }) => actor);

test('messages of a held connection wait, and are sent once the vendor accepts the account again', async () => {
  const { acme, world, getStatus, path, send } = await startConnected();
  await using _ = world;
  acme.send = async () => connectionError;
  acme.verify = async () => rejectedKey;
  const { messageId } = await send('first');
  await world.advanceUntil(async () => (await getStatus()) === 'held');
  const { body } = await world.api.get(path).expect(200);
  expect(body.statusReason).toMatchObject({ code: 'wrong_key' });
  await send('second');
  await world.advance(2 * minuteMs, 10_000);
  expect(acme.sent).toEqual([]);
  expect((await world.getMessage(messageId)).state).toBe('pending');

  acme.send = async () => ({ kind: 'delivered', externalIds: [] });
  acme.verify = async () => ({ kind: 'verified', account: 'Acme Inc.' });
  await world.advanceUntil(async () => (await getStatus()) === 'active');
  await world.advanceUntil(() => acme.sent.length === 2);
  expect(acme.sent).toEqual(['first', 'second']);
  expect(await listAudit(world, 'connection_held')).toEqual(['patchbay']);
  expect(await listAudit(world, 'connection_resumed')).toEqual(['patchbay']);
});

test('a held connection is probed less and less often, up to hourly, and its pause is renewed', async () => {
  const { acme, world, getStatus } = await startConnected();
  await using _ = world;
  acme.verify = async () => rejectedKey;
  await world.db.connection.updateMany({ data: { checkDueAt: new Date(world.clock.now()) } });
  await world.advanceUntil(async () => (await getStatus()) === 'held');
  const before = acme.countCalls('verify');
  await world.advance(10 * minuteMs, 10_000);
  const early = acme.countCalls('verify') - before;
  expect(early).toBeGreaterThanOrEqual(2);
  expect(early).toBeLessThanOrEqual(5);
  await world.advance(30 * hourMs, 30 * minuteMs);
  const later = acme.countCalls('verify') - before - early;
  expect(later).toBeGreaterThan(12);
  expect(later).toBeLessThan(40);
  const pause = await world.db.rateLimitRow.findFirstOrThrow({ where: { pauseCode: 'connection_held' } });
  expect(pause.pausedUntil?.getTime()).toBeGreaterThan(world.clock.now() + 20 * hourMs);
  expect(await listAudit(world, 'connection_held')).toHaveLength(1);
});

test('a setting that the vendor does not accept is refused when it is saved, and holds no connection that is in use', async () => {
  const { acme, world, path, getStatus } = await startConnected();
  await using _ = world;
  const problem = { field: 'region', code: 'region_closed', message: `Acme has closed the region of ${acmeKey}.` };
  acme.verify = async () => ({ kind: 'verified', account: 'Acme Inc.', problems: [problem] });
  const { body } = await world.api.put(path, { type: 'acme', config: { key: acmeKey, region: 'eu' } }).expect(422);
  expect(body.error.details).toEqual(['config.region: Acme has closed the region of [redacted].']);
  const asked = acme.countCalls('verify');
  await world.db.connection.updateMany({ data: { checkDueAt: new Date(world.clock.now()) } });
  await world.advanceUntil(() => acme.countCalls('verify') > asked);
  await world.advance(2 * minuteMs, 10_000);
  expect(await getStatus()).toBe('active');
  expect(await listAudit(world, 'connection_held')).toEqual([]);
});

test('a person ends a hold, and a vendor that still refuses the account puts it on hold again', async () => {
  const { acme, world, getStatus, path } = await startConnected();
  await using _ = world;
  const connection = await world.services.getConnection((await world.db.connection.findFirstOrThrow()).id);
  acme.verify = async () => rejectedKey;
  await world.services.holdConnection(connection, connectionError);
  const { body } = await world.api.post(`${path}/resume`).expect(200);
  expect(body).toMatchObject({ status: 'active', statusReason: null });
  expect(await world.db.rateLimitRow.count({ where: { pauseCode: 'connection_held' } })).toBe(0);
  expect(await listAudit(world, 'connection_resumed')).toEqual(['operator']);
  await world.advanceUntil(async () => (await getStatus()) === 'held');
});

test('a connection is checked daily: an unreachable vendor changes no status, and one that refuses the account holds it', async () => {
  const { acme, world, getStatus } = await startConnected();
  await using _ = world;
  const asked = acme.countCalls('verify');
  await world.advance(22 * hourMs, 30 * minuteMs);
  expect(acme.countCalls('verify')).toBe(asked);
  acme.verify = async () => ({ kind: 'unavailable', code: 'http_503', message: 'Acme is down.' });
  await world.advanceUntil(() => acme.countCalls('verify') > asked + 2, 'checked', 10 * minuteMs);
  expect(await getStatus()).toBe('active');
  acme.verify = async () => rejectedKey;
  await world.advanceUntil(async () => (await getStatus()) === 'held', 'held', 10 * minuteMs);
});

test('without a way to ask the vendor a held connection is resumed at the end of its pause', async () => {
  const { world, getStatus } = await startConnected(createAcme({ canVerify: false }));
  await using _ = world;
  const row = await world.db.connection.findFirstOrThrow();
  expect(row.checkDueAt).toBeNull();
  await world.services.holdConnection(await world.services.getConnection(row.id), connectionError);
  await world.advance(25 * hourMs, hourMs);
  expect(await getStatus()).toBe('held');
  await world.advance(2 * hourMs, 10 * minuteMs);
  expect(await getStatus()).toBe('active');
  expect((await world.db.connection.findFirstOrThrow()).checkDueAt).toBeNull();
});

test('of two processes one asks the vendor, and a changed connection is not judged by its old config', async () => {
  const { acme, world, path, getStatus } = await startConnected();
  await using _ = world;
  const asked = acme.countCalls('verify');
  await world.db.connection.updateMany({ data: { checkDueAt: new Date(world.clock.now()) } });
  const tasks = listPeriodicTasks(world.services).filter(({ name }) => name === 'check_connections');
  const stops = [startPeriodicTasks(world.services, tasks), startPeriodicTasks(world.services, tasks)];
  await world.advanceUntil(() => acme.countCalls('verify') > asked);
  await world.advance(5_000);
  await Promise.all(stops.map((stop) => stop()));
  expect(acme.countCalls('verify')).toBe(asked + 1);

  let release = () => {};
  acme.verify = async ({ connection: { config } }) => {
    if (config.key !== acmeKey) return { kind: 'verified', account: 'Acme Inc.' };
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return rejectedKey;
  };
  await world.db.connection.updateMany({ data: { checkDueAt: new Date(world.clock.now()) } });
  await world.advanceUntil(() => acme.countCalls('verify') > asked + 1);
  await world.api.put(path, { type: 'acme', config: { key: 'the-next-key' } }).expect(200);
  release();
  await world.advance(5_000);
  expect(await getStatus()).toBe('active');
});

test('a connection waits for its pairing, and its messages are sent when the vendor reports it', async () => {
  const acme = createAcme();
  acme.pairing = { status: 'waiting', qrCode: 'data:image/png;base64,AAAA', expiresAt: new Date('2027-01-01T00:00:00Z') };
  const { world, path, getStatus, send } = await startConnected(acme);
  await using _ = world;
  expect(await getStatus()).toBe('pairing');
  await send('hello');
  await world.advance(10_000);
  expect(acme.sent).toEqual([]);
  expect((await world.api.get(`${path}/pairing`).expect(200)).body).toEqual({
    status: 'waiting',
    qrCode: 'data:image/png;base64,AAAA',
    expiresAt: '2027-01-01T00:00:00.000Z',
  });
  acme.pairing = { status: 'paired' };
  expect((await world.api.get(`${path}/pairing`).expect(200)).body).toEqual({ status: 'paired' });
  expect(await getStatus()).toBe('active');
  await world.advanceUntil(() => acme.sent.length === 1);
});
