import pg from 'pg';
import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';
import { startProduction } from '../support/production.ts';
import { pollUntil } from '../support/program.ts';

test('the primary is killed under load and its synchronous standby promoted: nothing acknowledged is lost, and nothing is sent twice', async () => {
  const programs = findServerPrograms();
  if (programs === null)
    return console.warn('The programs of a PostgreSQL server are missing: the test of a failover is skipped.');
  const primary = await startPostgresServer(programs);
  const standby = await primary.startStandby();
  try {
    const session = new pg.Client({ connectionString: primary.url });
    await session.connect();
    await session.query(`ALTER SYSTEM SET synchronous_standby_names = '*'`);
    await session.query('SELECT pg_reload_conf()');
    await session.end();

    await using world = await startProduction();
    const [first, second] = [primary, standby].map(({ url }) => new URL(url));
    const environment = { DATABASE_URL: `postgresql://patchbay@${first?.host},${second?.host}/postgres` };
    await using program = await world.start(environment);
    await using worker = await world.startAnother({ ...environment, ROLE: 'worker' });
    await world.setUpLocation(program);
    world.vendor.respondWith({ body: { status: 'delivered' } });

    const acknowledged: string[] = [];
    let refusedCount = 0;
    const send = async (index: number) => {
      const { httpStatus, messageId } = await world.sendMessage(index);
      if (httpStatus === 202) acknowledged.push(messageId);
      else refusedCount += 1;
    };
    const failover = async () => {
      await pollUntil(() => acknowledged.length >= 20, 'messages are under way');
      await primary.kill();
      await pollUntil(() => refusedCount > 0, 'a webhook is refused meanwhile');
      await standby.promote();
    };
    const ended = failover();
    for (let index = 0; refusedCount === 0 || acknowledged.length < 60; index += 5) {
      await Promise.all([0, 1, 2, 3, 4].map((offset) => send(index + offset)));
    }
    await ended;
    const isReported = (id: string) => world.highlevel.listStatuses(id).includes('delivered');
    await pollUntil(() => acknowledged.every(isReported), 'every acknowledged message is reported');

    // The vendor drops a repeat of an id; two messages with one text would be two ids.
    const received = world.vendor.listReceived().map(({ text }) => text);
    expect(new Set(received).size).toBe(received.length);
    expect(received.length).toBeGreaterThanOrEqual(acknowledged.length);
    for (const contact of world.contacts) {
      expect(world.listReceivedNumbers(contact)).toEqual(world.listReceivedNumbers(contact).toSorted((a, b) => a - b));
    }
    expect(await worker.end('SIGTERM')).toBe(0);
    expect(await program.end('SIGTERM')).toBe(0);
  } finally {
    await standby.stop();
    await primary.stop();
  }
});
