import { PrismaPg } from '@prisma/adapter-pg';
import express from 'express';
import request from 'supertest';
import { PrismaClient } from '../../prisma/generated/client.ts';
import { isUnavailable } from '../../src/database/failures.ts';
import { errorHandler } from '../../src/http/middleware/errors.ts';
import { createLog } from '../../src/runtime/log.ts';

test('whatever is asked while the database is away, the answer is 503 with its reason and a time to come back', async () => {
  // Nobody listens there.
  const client = new PrismaClient({ adapter: new PrismaPg({ connectionString: 'postgresql://127.0.0.1:1/none' }) });
  const app = express();
  app.get('/rows', async () => client.worker.findMany());
  app.get('/sql', async () => client.$queryRaw`SELECT 1`);
  app.get('/transaction', async () => client.$transaction(async (tx) => tx.worker.count()));
  app.use(errorHandler(createLog('silent')));
  for (const path of ['/rows', '/sql', '/transaction']) {
    const answer = await request(app).get(path).set('accept', 'application/json').expect(503);
    expect(answer.body.error.code).toBe('database_unavailable');
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  }
  await client.$disconnect();
});

test('a database that is away is told from a defect of ours', () => {
  const raw = (originalCode: string) => ({ code: 'P2010', meta: { driverAdapterError: { cause: { originalCode } } } });
  expect(['57P01', '57P03', '08006', '53300', '40P01'].map((code) => isUnavailable(raw(code)))).toEqual(Array(5).fill(true));
  expect(isUnavailable(new Error('Connection terminated unexpectedly'))).toBe(true);
  expect(['42P01', '23505', '22001'].map((code) => isUnavailable(raw(code)))).toEqual(Array(3).fill(false));
  expect([new Error('oops'), undefined, null].map(isUnavailable)).toEqual(Array(3).fill(false));
});
