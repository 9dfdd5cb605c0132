import pg from 'pg';
import { createPageClient } from '../support/page-client.ts';
import { findServerPrograms, startPostgresServer } from '../support/postgres-server.ts';
import { storeMessages } from '../support/stored-messages.ts';
import { startWorld } from '../support/world.ts';

test('the log and the statistics are read from a replica and say how old they are; one that is away or behind is not used', async () => {
  const programs = findServerPrograms();
  if (programs === null)
    return console.warn('The programs of a PostgreSQL server are missing: the test of a replica is skipped.');
  const primary = await startPostgresServer(programs);
  const standby = await primary.startStandby();
  try {
    const database = { kind: 'postgres', url: primary.url } as const;
    await using world = await startWorld({ isIdle: true, services: { database, replicaUrl: standby.url } });
    const { id, companyId } = await world.install();
    const pages = await createPageClient(world, { companyId, activeLocation: id, role: 'admin' });
    const { reader } = world.services;
    await world.advanceUntil(() => reader.ageMs() !== null, 'the replica is used');
    expect((await pages.get('messages').expect(200)).text).toContain('Read from a copy of the database');
    expect((await pages.get('overview', 'es').expect(200)).text).toContain('de retraso');

    // What the replica does not have yet is missing there, and on the primary it is not.
    const session = new pg.Client({ connectionString: standby.url });
    await session.connect();
    await session.query('SELECT pg_wal_replay_pause()');
    await storeMessages(world, id, [{ at: world.clock.now(), state: 'failed', reason: ['http_500', 'It broke.'] }]);
    expect((await pages.get('messages').expect(200)).text).not.toContain('It broke.');
    expect((await pages.get('dead-letters').expect(200)).text).toContain('It broke.');
    await session.query('SELECT pg_wal_replay_resume()');
    await session.end();
    await world.waitFor(async () => (await pages.get('messages').expect(200)).text.includes('It broke.'));

    await standby.stop();
    await world.advanceUntil(() => reader.ageMs() === null, 'the replica is not used any more');
    const { text } = await pages.get('messages').expect(200);
    expect(text).toContain('It broke.');
    expect(text).not.toContain('Read from a copy');
  } finally {
    await standby.stop();
    await primary.stop();
  }
});
