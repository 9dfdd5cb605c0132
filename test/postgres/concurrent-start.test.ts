import pg from 'pg';
import { createTestDatabase } from '../support/databases.ts';
import { createTemporaryFolder, findFreePorts, startProgram } from '../support/program.ts';

test('several processes may start at once on one empty PostgreSQL', async () => {
  const { target, remove } = await createTestDatabase();
  const { url } = target as Extract<typeof target, { kind: 'postgres' }>;
  const session = new pg.Client({ connectionString: url });
  await session.connect();
  await session.query('DROP SCHEMA public CASCADE; CREATE SCHEMA public');
  await session.end();
  using folder = createTemporaryFolder();
  const keys = { ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'), SESSION_SECRETS: 'a session secret of the tests' };
  const shared = {
    ...keys,
    DATA_DIR: folder.path,
    DATABASE_URL: url,
    HIGHLEVEL_CLIENT_ID: 'a-b',
    HIGHLEVEL_CLIENT_SECRET: 'c',
  };
  const start = async (role: string) => startProgram({ ...shared, PORT: String(await findFreePorts()), ROLE: role });
  const starting = [start('web'), start('worker'), start('all')] as const;
  await using web = await starting[0];
  await using worker = await starting[1];
  await using all = await starting[2];
  for (const program of [web, worker, all]) expect(await program.end('SIGTERM')).toBe(0);
  await remove();
});
