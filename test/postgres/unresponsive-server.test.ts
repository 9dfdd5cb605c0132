import { connect, createServer, type Socket } from 'node:net';
import { systemClock } from '../../src/core/clock.ts';
import { openDatabase } from '../../src/database/client.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { AdaptivePool } from '../../src/database/pool.ts';
import { createTestDatabase } from '../support/databases.ts';

/** Starts a proxy in front of the server: `goSilent` stops the traffic of its open connections without closing them. */
async function startProxy(url: string) {
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
    goSilent() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    close() {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    },
  };
}

test('on a connection that dies silently a statement fails as unavailable after a timeout, and the next try succeeds', async () => {
  const { target, remove } = await createTestDatabase();
  const proxy = await startProxy((target as { url: string }).url);
  const db = await openDatabase({ kind: 'postgres', url: proxy.url, idleTimeoutMs: 300 });
  await db.client.worker.count();
  proxy.goSilent();
  const failure = await db.client.worker.count().catch((error: unknown) => error);
  expect(isUnavailable(failure)).toBe(true);
  expect(await db.client.worker.count()).toBe(0);

  proxy.goSilent();
  const failures: unknown[] = [];
  const count = () => db.transaction((tx) => tx.worker.count());
  for (let tries = 0; tries < 5; tries++) {
    const result = await count().catch((error: unknown) => failures.push(error));
    if (result === 0) break;
  }
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.every(isUnavailable)).toBe(true);
  expect(await count()).toBe(0);
  await db.close();
  proxy.close();
  await remove();
});

test('a session that the server ends while it is in use ends no process: its next statement fails as unavailable', async () => {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const pool = new AdaptivePool({ connectionString: url, max: 2 }, systemClock);
  const session = await pool.connect();
  const { rows } = await session.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const ended = new Promise((done) => session.once('end', done));
  await pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await ended;
  expect(isUnavailable(await session.query('SELECT 1').catch((error: unknown) => error))).toBe(true);
  session.release();
  await pool.end();
  await remove();
});

/** Opens two clients for the same row: one with a short timeout behind the proxy, and another. */
async function openTwo() {
  const { target, remove } = await createTestDatabase();
  const { url } = target as { url: string };
  const proxy = await startProxy(url);
  const other = await openDatabase({ kind: 'postgres', url });
  const db = await openDatabase({ kind: 'postgres', url: proxy.url, idleTimeoutMs: 600 });
  await other.client.rateLimitRow.create({ data: { key: 'one', tatAt: new Date() } });
  return {
    db,
    other,
    proxy,
    async [Symbol.asyncDispose]() {
      await other.close();
      await db.close();
      proxy.close();
      await remove();
    },
  };
}

test('the server ends a statement that waits too long for another’s lock, and no transaction stays open', async () => {
  await using two = await openTwo();
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

test('a transaction whose process has died silently holds its locks for no longer than the timeout', async () => {
  await using two = await openTwo();
  const { db, other, proxy } = two;
  const silent = db.transaction(async (tx) => {
    await tx.$queryRaw`SELECT 1 FROM rate_limits FOR UPDATE`;
    proxy.goSilent();
    await tx.rateLimitRow.count();
  });
  await expect(silent).rejects.toThrow();
  await other.client.rateLimitRow.update({ where: { key: 'one' }, data: { dailyCount: 1 } });
});
