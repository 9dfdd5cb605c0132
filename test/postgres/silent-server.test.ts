import { connect, createServer, type Socket } from 'node:net';
import { isUnavailable, openDatabase } from '../../src/database/client.ts';
import { freshDatabase } from '../support/databases.ts';

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
  const { target, remove } = await freshDatabase();
  const between = await wire((target as { url: string }).url);
  const db = await openDatabase({ kind: 'postgres', url: between.url, silentMs: 200 });
  await db.client.worker.count();
  between.fallsSilent();
  const failure = await db.client.worker.count().catch((error: unknown) => error);
  expect(isUnavailable(failure)).toBe(true);
  expect(await db.client.worker.count()).toBe(0);

  between.fallsSilent();
  const failures: unknown[] = [];
  const ask = () => db.transaction((tx) => tx.worker.count());
  for (let tries = 0; tries < 5; tries++) {
    const answer = await ask().catch((error: unknown) => failures.push(error));
    if (answer === 0) break;
  }
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.every(isUnavailable)).toBe(true);
  expect(await ask()).toBe(0);
  await db.close();
  between.close();
  await remove();
});
