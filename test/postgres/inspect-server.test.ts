import { systemClock } from '../../src/core/clock.ts';
import { inspectServer } from '../../src/database/inspect-server.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';
import { findPgbouncer, startPgbouncer } from '../support/pgbouncer.ts';

const program = findPgbouncer() ?? '';
const whereInstalled = program ? test : test.skip;

test('a server is inspected as it is: version, rights, tables, clock and the sessions in use', async () => {
  await using admin = await createAdministeredDatabase();
  expect(await inspectServer(admin.url, systemClock)).toMatchObject({
    version: expect.stringMatching(/^1\d/),
    isReadOnly: false,
    canCreate: true,
    foreignTableCount: 0,
    pooling: 'none',
    migrations: { missingCount: 0, problem: null, isEmpty: false },
  });
  const ahead = { ...systemClock, now: () => systemClock.now() + 90_000 };
  const { skewMs } = await inspectServer(admin.url, ahead);
  expect(Math.abs(skewMs - 90_000)).toBeLessThan(1_000);

  const asOther = await inspectServer(await admin.addRole(5), systemClock);
  expect(asOther).toMatchObject({ canCreate: true, identity: (await inspectServer(admin.url, systemClock)).identity });
  expect(asOther.foreignTableCount).toBeGreaterThan(10);

  await admin.query(
    `DELETE FROM _prisma_migrations WHERE migration_name = (SELECT max(migration_name) FROM _prisma_migrations)`,
  );
  expect((await inspectServer(admin.url, systemClock)).migrations.missingCount).toBe(1);
  await admin.query(`UPDATE _prisma_migrations SET migration_name = '99990101000000_newer', logs = NULL WHERE migration_name =
    (SELECT max(migration_name) FROM _prisma_migrations)`);
  expect((await inspectServer(admin.url, systemClock)).migrations.problem).toContain('99990101000000_newer');
  await admin.failOver('read-only');
  expect(await inspectServer(admin.url, systemClock)).toMatchObject({ isReadOnly: true });
  await admin.failOver('writable');
});

whereInstalled.each(['session', 'transaction', 'statement'] as const)('a PgBouncer in %s mode is recognised', async (mode) => {
  await using admin = await createAdministeredDatabase();
  await using pooler = await startPgbouncer(program, admin.url, 4, mode);
  const through = await inspectServer(pooler.url, systemClock);
  expect(through.pooling).toBe(mode);
  expect(through.identity).toBe((await inspectServer(admin.url, systemClock)).identity);
});
