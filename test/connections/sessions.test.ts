import { computeReopenDelayMs } from '../../src/connections/run-session.ts';
import { isLeaseFree, leaseMs } from '../../src/connections/session-lease.ts';
import { noWorkerId } from '../../src/queue/group-owner.ts';
import { startWireWorld } from '../support/wire-world.ts';

test('a message goes through the session, and its receipt and a reply come back through it', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  const { messageId } = await test.sendMessage('hello');
  await world.advanceUntil(() => wire.listSends().length === 1);
  const [sent] = wire.listSends();
  expect(sent).toMatchObject({ to: '+12025550143', text: 'hello', session: 1 });

  wire.push({ kind: 'receipt', receipt: { externalId: sent?.externalId, state: 'delivered' } });
  await world.advanceUntilReported(messageId);
  expect(world.highlevel.listStatuses(messageId)).toEqual(['delivered']);
  wire.push(test.inbound('in-1', 'a reply'));
  await world.advanceUntil(
    async () => (await world.db.message.count({ where: { text: 'a reply', state: 'delivered' } })) === 1,
  );
  expect(wire.acknowledged).toEqual([1, 2]);
  expect((await world.db.attempt.findMany()).map(({ outcome }) => outcome)).toEqual(['accepted']);
});

test('an event is acknowledged only when it and the state are stored, and the vendor pushes the others again', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  await world.db.$executeRawUnsafe('ALTER TABLE jobs RENAME TO jobs_away');
  wire.push(test.inbound('in-1'));
  await world.clock.tick(1_000);
  expect(wire.acknowledged).toEqual([]);
  await world.db.$executeRawUnsafe('ALTER TABLE jobs_away RENAME TO jobs');
  wire.cut();
  await world.advanceUntil(() => wire.acknowledged.length === 1);
  expect(await world.db.message.count()).toBe(1);
  const { state } = await test.getConnection();
  expect(state).not.toBeNull();
  // The number of the last event is in the state, so a repeat is acknowledged without being stored again.
  wire.push(test.inbound('in-1'));
  await world.advanceUntil(() => wire.acknowledged.length === 2);
  expect(await world.db.message.count()).toBe(1);
});

test('an event that can never be stored is left out and acknowledged, as the vendor would repeat it before all later ones', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  wire.push({ kind: 'inbound', inbound: { externalId: 'in-0', from: '+1', attachments: [], sentExternally: true } });
  wire.push(test.inbound('in-1', 'a good one'));
  await world.advanceUntil(() => wire.acknowledged.includes(2));
  expect(await world.db.message.count({ where: { text: 'a good one' } })).toBe(1);
});

test('of two processes one opens the session; when it stops, the other one continues at once', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  const first = world.services.queue.getWorkerId();
  const other = await test.startOwner();
  await world.advance(30_000);
  expect(wire.countBinds()).toBe(1);
  expect((await test.getConnection()).sessionOwnerId).toBe(first);
  expect((await test.getGroup())?.ownerWorkerId).toBe(first);

  await world.services.channelSessions.stop();
  expect((await test.getGroup())?.ownerWorkerId).toBe(noWorkerId);
  await world.advanceUntil(() => wire.getSessionNumber() === 2);
  expect((await test.getGroup())?.ownerWorkerId).toBe(other.workerId);
  expect(wire.getMaxSessions()).toBe(1);
  await other.stop();
  await world.waitFor(() => wire.countSessions() === 0);
  expect((await test.getConnection()).sessionOwnerId).toBeNull();
});

test('an owner that can’t renew its lease closes its session before another one opens it', async () => {
  await using test = await startWireWorld({ isIdle: true });
  const { world, wire } = test;
  let isCut = false;
  const owner = await test.startOwner(() => isCut);
  await test.advanceUntilOpen();
  const other = await test.startOwner();
  isCut = true;
  const lostAt = world.clock.now();
  await world.advanceUntil(() => wire.getSessionNumber() === 2, 'the other one has opened it');
  expect(world.clock.now() - lostAt).toBeLessThan(2 * leaseMs);
  expect(wire.getMaxSessions()).toBe(1);
  expect(await owner.sessions.send(test.connectionId, {} as never)).toMatchObject({
    kind: 'unavailable',
    code: 'session_closed',
  });
  isCut = false;
  await world.advance(10_000);
  expect((await test.getConnection()).sessionOwnerId).toBe(other.workerId);
  expect(wire.countBinds()).toBe(2);
  await Promise.all([owner.stop(), other.stop()]);
});

test('messages wait for the owner of the session, and no other process claims them', async () => {
  await using test = await startWireWorld({ isIdle: true });
  const { world, wire } = test;
  expect((await test.getGroup())?.ownerWorkerId).toBe(noWorkerId);
  // This process works on the queue; the session belongs to another one.
  const other = await test.startOwner();
  await test.advanceUntilOpen();
  await world.services.queue.work('deliver', { concurrency: { total: 5, perGroup: 5 } }, world.services.deliver);
  await test.sendMessage('waits');
  await world.advance(5_000);
  expect(await world.db.attempt.count()).toBe(0);
  await other.stop();
  world.services.channelSessions.start();
  await world.advanceUntil(() => wire.listSends().length === 1);
});

test('a changed config opens the session again, and a disconnect closes it and frees the group', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  await world.advance(1_000);
  await test.connect({ ratePerSecond: 5 });
  await world.advanceUntil(() => wire.getSessionNumber() === 2);
  await test.sendMessage('after the change');
  await world.advanceUntil(() => wire.listSends().length === 1);
  await test.disconnect();
  await world.advanceUntil(() => wire.countSessions() === 0);
  expect((await test.getGroup())?.ownerWorkerId).toBeNull();
  expect(wire.getMaxSessions()).toBe(1);
});

test('a vendor that closes the account holds the connection; its messages wait, and a resume opens the session again', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  wire.refuse('account_closed');
  await world.advanceUntil(async () => (await test.getConnection()).status === 'held');
  expect(await test.getConnection()).toMatchObject({ statusCode: 'account_closed' });
  const binds = wire.countBinds();
  const { messageId } = await test.sendMessage('waits');
  await world.advance(20_000);
  expect(wire.countBinds()).toBe(binds);
  expect(await world.getMessage(messageId)).toMatchObject({ state: 'pending' });
  expect((await test.getConnection()).sessionOwnerId).toBeNull();

  wire.refuse(null);
  const [connection] = await world.services.listConnections(test.location.id);
  await world.services.resumeConnection(connection as NonNullable<typeof connection>, 'operator');
  await world.advanceUntil(() => wire.listSends().length === 1);
});

test('a wrong key holds the connection when it is first opened', async () => {
  await using test = await startWireWorld({ isIdle: true });
  await test.connect({ key: 'wrong' });
  const owner = await test.startOwner();
  await test.world.advanceUntil(async () => (await test.getConnection()).status === 'held');
  expect(await test.getConnection()).toMatchObject({ statusCode: 'wrong_key' });
  await owner.stop();
});

test('a vendor that is busy is tried again with growing delays, and messages are not lost meanwhile', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  wire.refuse('busy');
  await test.sendMessage('patience');
  await world.advance(60_000);
  expect(wire.countBinds()).toBeGreaterThan(4);
  expect(wire.countBinds()).toBeLessThan(12);
  wire.refuse(null);
  await world.advanceUntil(() => wire.listSends().length === 1);
});

test('a session that breaks off in the middle of a send leaves an unknown outcome, which an idempotent vendor resolves', async () => {
  await using test = await startWireWorld();
  const { world, wire } = test;
  await test.advanceUntilOpen();
  wire.fallSilent(true);
  await test.sendMessage('once');
  await world.advanceUntil(() => wire.listSends().length === 1);
  wire.cut();
  wire.fallSilent(false);
  await world.advanceUntil(async () => (await world.db.attempt.count({ where: { outcome: 'accepted' } })) === 1);
  expect(wire.listSends()).toHaveLength(1);
  expect(await world.db.attempt.count({ where: { outcome: 'unknown' } })).toBe(1);
});

test.each<[string, { sessionOwnerId: string | null; leftMs: number | null }, boolean]>([
  ['without an owner', { sessionOwnerId: null, leftMs: null }, true],
  ['of this worker', { sessionOwnerId: 'me', leftMs: 9_000 }, true],
  ['of another one that lives', { sessionOwnerId: 'other', leftMs: 1 }, false],
  ['of another one that has expired', { sessionOwnerId: 'other', leftMs: 0 }, true],
  ['of a dead worker', { sessionOwnerId: 'dead', leftMs: 4_000 }, true],
  ['of a worker that is declared dead but has just renewed it', { sessionOwnerId: 'dead', leftMs: 9_000 }, false],
  ['that was written while the clock was ahead', { sessionOwnerId: 'other', leftMs: 100_000 }, true],
])('a lease %s is free or not', (_, { sessionOwnerId, leftMs }, isFree) => {
  const now = 1_800_000_000_000;
  const sessionLeaseUntil = leftMs === null ? null : new Date(now + leftMs);
  const facts = { workerId: 'me', liveWorkerIds: new Set(['me', 'other']), now };
  expect(isLeaseFree({ sessionOwnerId, sessionLeaseUntil }, facts)).toBe(isFree);
});

test('the delay before a session is opened again doubles up to a minute', () => {
  expect([0, 1, 2, 5, 6, 50].map((failures) => computeReopenDelayMs(failures, 0.999_999))).toEqual([
    1_000, 2_000, 4_000, 32_000, 60_000, 60_000,
  ]);
  expect(computeReopenDelayMs(0, 0)).toBe(500);
});
