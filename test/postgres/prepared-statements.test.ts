import { openDatabase } from '../../src/database/client.ts';
import { isUnavailable } from '../../src/database/errors.ts';
import { createAdministeredDatabase } from '../support/database-admin.ts';

const uses = 40;
const none = '00000000-0000-4000-8000-000000000000';
const count = 'SELECT count(*)::int AS count FROM workers WHERE id = $1::uuid';
const keptSql = 'SELECT statement, generic_plans > 0 AS "isPlanKept" FROM pg_prepared_statements';

async function open() {
  const admin = await createAdministeredDatabase();
  return { admin, db: await openDatabase({ kind: 'postgres', url: admin.url }) };
}

test('a statement that is used often is kept with its plan, one whose text varies is not', async () => {
  const { admin, db } = await open();
  const kept = await db.sqlTransaction(async (tx) => {
    for (let n = 0; n < uses; n++) {
      await tx.$queryRawUnsafe(count, none);
      await tx.$queryRawUnsafe(`${count} AND heartbeat <> ${n}`, none);
    }
    return tx.$queryRawUnsafe(keptSql);
  });
  expect(kept).toEqual([{ statement: count, isPlanKept: true }]);
  await db.close();
  await admin[Symbol.asyncDispose]();
});

test('after a migration that changes a type, a kept statement fails as in an outage, and works on the next session', async () => {
  const { admin, db } = await open();
  await admin.query('CREATE TABLE counted (value int); INSERT INTO counted VALUES (1)');
  const read = 'SELECT value FROM counted WHERE value::text = $1::text';
  for (let n = 0; n < uses; n++) expect(await db.client.$queryRawUnsafe(read, '1')).toEqual([{ value: 1 }]);
  await admin.query('ALTER TABLE counted ALTER COLUMN value TYPE text');
  const failure = await db.client.$queryRawUnsafe(read, '1').catch((error: unknown) => error);
  expect(isUnavailable(failure)).toBe(true);
  expect(await db.client.$queryRawUnsafe(read, '1')).toEqual([{ value: '1' }]);
  await db.close();
  await admin[Symbol.asyncDispose]();
});

test('where sessions lose their statements, one statement fails as in an outage, and none is kept any more', async () => {
  const { admin, db } = await open();
  for (let n = 0; n < uses; n++) await db.client.$queryRawUnsafe(count, none);
  await db.client.$executeRawUnsafe('DEALLOCATE ALL');
  const failure = await db.client.$queryRawUnsafe(count, none).catch((error: unknown) => error);
  expect(isUnavailable(failure)).toBe(true);
  const kept = await db.sqlTransaction(async (tx) => {
    for (let n = 0; n < uses; n++) expect(await tx.$queryRawUnsafe(count, none)).toEqual([{ count: 0 }]);
    return tx.$queryRawUnsafe(keptSql);
  });
  expect(kept).toEqual([]);
  await db.close();
  await admin[Symbol.asyncDispose]();
});
