import { PrismaPg } from '@prisma/adapter-pg';
import fc from 'fast-check';
import { PrismaPGlite } from 'pglite-prisma-adapter';
import { PrismaClient } from '../../prisma/generated/client.ts';
import { type Database, openDatabase } from '../../src/database/client.ts';
import { runTransaction } from '../../src/database/driver-statements.ts';
import { createTestDatabase } from '../support/databases.ts';

let db: Database;
let prisma: PrismaClient;
let remove: () => Promise<void>;
const { TZ } = process.env;

beforeAll(async () => {
  const created = await createTestDatabase();
  remove = created.remove;
  db = await openDatabase(created.target);
  const { target } = created;
  if (target.kind === 'postgres') prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: target.url }) });
  else if (target.kind === 'opened') prisma = new PrismaClient({ adapter: new PrismaPGlite(target.embedded) });
  // Far from UTC, where a day of ours is another one.
  process.env.TZ = 'America/New_York';
});

afterAll(async () => {
  if (TZ === undefined) delete process.env.TZ;
  else process.env.TZ = TZ;
  await prisma.$disconnect();
  await db.close();
  await remove();
});

const instant = fc.date({ min: new Date('1970-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });
const day = instant.map((at) => new Date(at.toISOString().slice(0, 10)));
// PostgreSQL stores no NUL, and no half of a surrogate pair.
const text = fc.string({ unit: 'binary' }).map((value) => value.replaceAll('\0', '').toWellFormed());
const nullable = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null });

const row = fc.tuple(
  nullable(instant),
  nullable(day),
  nullable(fc.integer()),
  nullable(fc.integer({ min: -32_768, max: 32_767 })),
  nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
  nullable(fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0)),
  nullable(fc.boolean()),
  nullable(text),
  nullable(fc.uuid()),
  nullable(fc.array(text)),
  nullable(fc.array(fc.uuid())),
  nullable(fc.constantFrom('pending', 'delivered')),
  nullable(fc.jsonValue().map((value) => JSON.stringify(value).replaceAll('\\u0000', ''))),
);

const types = ['timestamptz(3)', 'date', 'int', 'smallint', 'bigint', 'float8', 'boolean', 'text', 'uuid', 'text[]', 'uuid[]'];
const columns = [...types, 'message_state', 'json'].map((type, index) => `$${index + 1}::${type} AS c${index}`);

test('a statement yields what Prisma yields, for every type that our tables have', async () => {
  const sql = `SELECT ${columns.join(', ')}`;
  await fc.assert(
    fc.asyncProperty(row, async (values) => {
      const expected = await prisma.$queryRawUnsafe(sql, ...values);
      expect(await db.client.$queryRawUnsafe(sql, ...values)).toEqual(expected);
      expect(await db.transaction((tx) => tx.$queryRawUnsafe(sql, ...values))).toEqual(expected);
      expect(await db.sqlTransaction((tx) => tx.$queryRawUnsafe(sql, ...values))).toEqual(expected);
    }),
    { numRuns: 200 },
  );
});

const key = 'a group';
const insert = (on: Pick<Database['client'], '$executeRaw'>) =>
  on.$executeRaw`INSERT INTO rate_limits (key, tat_at) VALUES (${key}, ${new Date()})`;

test('statements and queries of models see each other in a transaction, and are rolled back together', async () => {
  const failed = db.transaction(async (tx) => {
    expect(await insert(tx)).toBe(1);
    expect(await tx.rateLimitRow.count({ where: { key } })).toBe(1);
    await tx.rateLimitRow.update({ where: { key }, data: { burst: 7 } });
    expect(await tx.$queryRaw`SELECT burst FROM rate_limits WHERE key = ${key}`).toEqual([{ burst: 7 }]);
    throw new Error('rolled back');
  });
  await expect(failed).rejects.toThrow('rolled back');
  expect(await db.client.rateLimitRow.count({ where: { key } })).toBe(0);
});

test('a transaction of statements is rolled back when its work throws', async () => {
  const failed = db.sqlTransaction(async (tx) => {
    expect(await insert(tx)).toBe(1);
    throw new Error('rolled back');
  });
  await expect(failed).rejects.toThrow('rolled back');
  expect(await db.client.rateLimitRow.count({ where: { key } })).toBe(0);
});

test('a transaction that has ended, as it took too long, runs no more statements', async () => {
  const expired = runTransaction(
    (work) => db.client.$transaction(work, { timeout: 20 }),
    async (tx) => {
      await new Promise((done) => setTimeout(done, 200));
      await insert(tx);
    },
  );
  await expect(expired).rejects.toMatchObject({ code: 'P2028' });
  expect(await db.client.rateLimitRow.count({ where: { key } })).toBe(0);
});
