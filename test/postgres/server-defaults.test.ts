import { type Database, openDatabase } from '../../src/database/client.ts';
import { createInstallationLoader } from '../../src/installations/store.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';

const program = findPgbouncer() ?? '';
const whereInstalled = program ? test : test.skip;

// Every database of the tests has defaults that the program must not depend on: see test/support/databases.ts.

const settingsOf = async ({ client }: Database, names: readonly string[]) => {
  const rows = await client.$queryRaw<{ name: string; value: string }[]>`
    SELECT name, current_setting(name) AS value FROM unnest(${names}::text[]) AS name`;
  return Object.fromEntries(rows.map(({ name, value }) => [name, value]));
};

/** Differences between the database's times and ours, read and written through Prisma and as JSON. */
async function measureTimes({ client }: Database) {
  const now = new Date();
  const [row] = await client.$queryRaw<{ read: Date; written: string; json: string }[]>`
    SELECT ${now}::timestamptz AS read, (extract(epoch FROM ${now}::timestamptz) * 1000)::bigint::text AS written,
      to_json(${now}::timestamptz) #>> '{}' AS json`;
  return [row?.read, row && new Date(Number(row.written)), row && new Date(row.json)].map((at) => Number(at) - now.getTime());
}

test('another time zone, date style, isolation and asynchronous commits of a server change nothing for the program', async () => {
  await using admin = await createAdministeredDatabase();
  const { rows } = await admin.query(
    "SELECT current_setting('timezone') AS zone, current_setting('synchronous_commit') AS commit",
  );
  expect(rows).toEqual([{ zone: 'Asia/Kolkata', commit: 'off' }]);
  await admin.query(`ALTER DATABASE "${admin.name}" SET default_transaction_isolation = serializable`);
  await admin.query(`ALTER DATABASE "${admin.name}" SET datestyle = 'German'`);
  const db = await openDatabase({ kind: 'postgres', url: admin.url });
  expect(await settingsOf(db, ['timezone', 'default_transaction_isolation', 'synchronous_commit'])).toEqual({
    timezone: 'UTC',
    default_transaction_isolation: 'read committed',
    synchronous_commit: 'on',
  });
  expect(await measureTimes(db)).toEqual([0, 0, 0]);
  await db.close();
});

test('another degree of durability than none is the operator’s choice', async () => {
  await using admin = await createAdministeredDatabase();
  await admin.query(`ALTER DATABASE "${admin.name}" SET synchronous_commit = remote_apply`);
  const db = await openDatabase({ kind: 'postgres', url: admin.url });
  expect(await settingsOf(db, ['synchronous_commit'])).toEqual({ synchronous_commit: 'remote_apply' });
  await db.close();
});

test('the tables are in the first schema of the user’s search path', async () => {
  await using admin = await createAdministeredDatabase();
  await admin.query(`ALTER DATABASE "${admin.name}" SET search_path = missing, messaging`);
  await admin.query('CREATE SCHEMA messaging');
  const target = { kind: 'postgres', url: admin.url } as const;
  const db = await openDatabase(target);
  const key = { kind: 'location', resourceId: 'l1' } as const;
  await db.client.installation.create({ data: { ...key, status: 'active', scopes: ['a'], updatedAt: new Date() } });
  await db.transaction((tx) => tx.installation.updateMany({ where: { status: 'active' }, data: { status: 'suspended' } }));
  expect(await createInstallationLoader(db)(key)).toMatchObject({ status: 'suspended', scopes: ['a'], whiteLabelDomains: [] });
  const { rows } = await admin.query(
    `SELECT (SELECT count(*)::int FROM messaging.installations) AS ours, (SELECT count(*)::int FROM public.installations) AS others`,
  );
  expect(rows).toEqual([{ ours: 1, others: 0 }]);
  await db.close();

  await admin.query(`ALTER DATABASE "${admin.name}" SET search_path = missing`);
  await expect(openDatabase(target)).rejects.toThrow('search_path');
});

whereInstalled('transactions through PgBouncer see what others have committed meanwhile', async () => {
  await using admin = await createAdministeredDatabase();
  await admin.query(`ALTER DATABASE "${admin.name}" SET default_transaction_isolation = serializable`);
  await using pooler = await startPgbouncer(program, admin.url, 1);
  const db = await openDatabase({ kind: 'postgres', url: pooler.url, directUrl: admin.url });
  const isolation = await db.transaction((tx) => tx.$queryRaw`SELECT current_setting('transaction_isolation') AS level`);
  expect(isolation).toEqual([{ level: 'read committed' }]);
  await db.close();
});

whereInstalled('times are right through PgBouncer too, beside a client in another time zone', async () => {
  await using admin = await createAdministeredDatabase();
  await using pooler = await startPgbouncer(program, admin.url, 1);
  const db = await openDatabase({ kind: 'postgres', url: pooler.url, directUrl: admin.url });
  for (let round = 0; round < 3; round++) {
    expect(await measureTimes(db)).toEqual([0, 0, 0]);
    expect(await settingsOf(db, ['timezone'])).toEqual({ timezone: 'UTC' });
  }
  await db.close();
});
