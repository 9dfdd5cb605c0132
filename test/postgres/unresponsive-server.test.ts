import { connect, createServer, type Socket } from 'node:net';
import { openDatabase } from '../../src/database/client.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { createTestDatabase } from '../support/databases.ts';

/** What lies between us and the server: connections that were made before `falls silent` carry nothing any more, and nobody says so. */
async function wire(url: string) {
  const server = new URL(url);
  const sockets: Socket[] = [];
  const proxy = createServer((near) => {
    const far = connect(Number(server.port || 5432), server.hostname);
    sockets.push(near, far);
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await new Promise<void>((done) => proxy.listen(0, '127.0.0.1', done));
  const address = new URL(url);
  address.port = String((proxy.address() as { port: number }).port);
  address.hostname = '127.0.0.1';
  return {
    url: address.href,
    fallsSilent() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

test('a connection that dies without a word holds nobody for ever: what waits fails as unavailable, and the next try gets through', async () => {
  const { target, remove } = await createTestDatabase();
  const between = await wire((target as { url: string }).url);
  const db = await openDatabase({ kind: 'postgres', url: between.url, idleTimeoutMs: 300 });
  await db.client.worker.count();
  between.fallsSilent();
  const failure = await db.client.worker.count().catch((error: unknown) => error);
  expect(isUnavailable(failure)).toBe(true);
  expect(await db.client.worker.count()).toBe(0);

  between.fallsSilent();
  const failures: unknown[] = [];
  const ask = () => db.transaction((tx) => tx.worker.count());
  for (let tries = 0; tries < 5; tries++) {
    const result = await ask().catch((error: unknown) => failures.push(error));
    if (result === 0) break;
  }
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.every(isUnavailable)).toBe(true);
  expect(await ask()).toBe(0);
  await db.close();
  between.close();
  await remove();
});

/** Two who want the same row: one whose patience is short and whose wire can be cut, and another. */
async function rivals() {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const between = await wire(url);
  const other = await openDatabase({ kind: 'postgres', url });
  const db = await openDatabase({ kind: 'postgres', url: between.url, idleTimeoutMs: 600 });
  await other.client.rateLimitRow.create({ data: { key: 'one', tatAt: new Date() } });
  return {
    db,
    other,
    between,
    async [Symbol.asyncDispose]() {
      await other.close();
      await db.close();
      between.close();
      await remove();
    },
  };
}

test('what waits too long for another’s lock is ended by the server, and nothing of it stays open', async () => {
  await using two = await rivals();
  const { db, other } = two;
  const change = () => db.transaction((tx) => tx.rateLimitRow.update({ where: { key: 'one' }, data: { dailyCount: 1 } }));
  await other.transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM rate_limits FOR UPDATE`;
    const failure = await change().catch((error: unknown) => error);
    expect(isUnavailable(failure)).toBe(true);
    expect(JSON.stringify(failure)).toContain('57014');
  });
  await change();
  await db.client.rateLimitRow.create({ data: { key: 'two', tatAt: new Date() } });
  expect(await other.client.rateLimitRow.count({ where: { OR: [{ key: 'two' }, { dailyCount: 1 }] } })).toBe(2);
});

test('a transaction whose process has died without a word holds its locks for no longer than that', async () => {
  await using two = await rivals();
  const { db, other, between } = two;
  const silent = db.transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM rate_limits FOR UPDATE`;
    between.fallsSilent();
    await tx.rateLimitRow.count();
  });
  await expect(silent).rejects.toThrow();
  await other.client.rateLimitRow.update({ where: { key: 'one' }, data: { dailyCount: 1 } });
});
