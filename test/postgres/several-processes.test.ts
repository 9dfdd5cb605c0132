import pg from 'pg';
import { freshDatabase } from '../support/databases.ts';
import { freePorts, startProgram, temporaryFolder } from '../support/program.ts';

test('several processes may start at once on one empty PostgreSQL', async () => {
  const { target, remove } = await freshDatabase();
  const { url } = target as Extract<typeof target, { kind: 'postgres' }>;
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  await session.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public; DROP SCHEMA pgboss CASCADE');
  await session.end();
  using folder = temporaryFolder();
  const keys = { ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'), SESSION_SECRETS: 'a session secret of the tests' };
  const shared = {
    ...keys,
    DATA_DIR: folder.path,
    DATABASE_URL: url,
    HIGHLEVEL_CLIENT_ID: 'a-b',
    HIGHLEVEL_CLIENT_SECRET: 'c',
  };
  const ports = [await freePorts(), await freePorts(), await freePorts()];
  const roles = ['web', 'worker', 'all'];
  const programs = await Promise.all(
    ports.map((port, index) => startProgram({ ...shared, PORT: String(port), ROLE: roles[index] ?? 'all' })),
  );
  for (const program of programs) expect(await program.end('SIGTERM')).toBe(0);
  await remove();
});
